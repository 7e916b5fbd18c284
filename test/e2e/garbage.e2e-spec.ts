import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT = new URL('../../dist/apps/composer/src/garbage-limit.js', import.meta.url).href;

// As many old objects as a composer has, of which one after the other is replaced; how much more than at first is in use
// at most, in per cent.
const AGE = `
  const alive = Array.from({ length: 50_000 }, () => new Array(150).fill(0));
  globalThis.gc();
  const first = process.memoryUsage().heapUsed;
  let most = 0;
  for (let n = 0; n < 20 * alive.length; n++) {
    alive[(n * 7_919) % alive.length] = new Array(150).fill(n);
    if (n % 1_000 === 0) most = Math.max(most, process.memoryUsage().heapUsed);
  }
  process.stdout.write(String(((most - first) / first) * 100));`;

async function growth(code: string, ...flags: string[]): Promise<number> {
  const args = ['--expose-gc', ...flags, '--input-type=module', '--eval', `${code}\n${AGE}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  return Number(stdout);
}

describe('garbage among the old objects of a process', () => {
  it('is collected before there is much of it, unless the process was started with a limit of its own', async () => {
    const limited = `(await import(${JSON.stringify(LIMIT)})).limitGarbage();`;
    const [bare, ours, others] = [
      await growth(''),
      await growth(limited),
      await growth(limited, '--heap-growing-percent=200'),
    ];
    expect(ours).toBeLessThan(bare / 2);
    expect(others).toBeGreaterThan(ours * 2);
  });
});
