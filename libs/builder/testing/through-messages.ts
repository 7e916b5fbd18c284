import { ThreadAnswer, messagesOf } from '../src/threads/thread-answer.js';

/** What `work` makes after it went through the messages of a thread, and how many characters each of them had. */
export function throughMessages<T extends object>(
  work: () => T,
  answer = new ThreadAnswer<T>(),
): { readonly whole: T; readonly sizes: readonly number[] } {
  const sizes: number[] = [];
  for (const message of messagesOf(work)) {
    const copy = structuredClone(message);
    sizes.push(JSON.stringify(copy).length);
    const whole = answer.take(copy);
    if (whole) return { whole, sizes };
  }
  throw new Error('it has no end');
}
