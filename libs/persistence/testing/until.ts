import { setTimeout as pause } from 'node:timers/promises';

/** Waits for a condition, and names it when it does not come true within `deadline` milliseconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  deadline = 60_000,
): Promise<void> {
  const end = performance.now() + deadline;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${deadline} ms in vain for ${what}`);
    await pause(20);
  }
}
