import { describe, expect, it } from '@jest/globals';
import { KeyedQueue } from './keyed-queue.js';
import { TooManyChangesError } from './registry.errors.js';

describe('KeyedQueue', () => {
  it('runs the work of one key in order, though some of it fails, and other keys meanwhile', async () => {
    const queue = new KeyedQueue();
    const seen: string[] = [];
    let release = (): void => undefined;
    const first = queue.run('a', () => new Promise<void>((resolve) => (release = resolve)).then(() => fail('first')));
    const fail = (name: string) => {
      seen.push(name);
      throw new Error(name);
    };
    const second = queue.run('a', async () => seen.push('second'));
    await queue.run('b', async () => seen.push('other'));
    release();
    await expect(first).rejects.toThrow('first');
    await second;
    expect(seen).toEqual(['other', 'first', 'second']);
  });

  it('lets a hundred wait for one key and refuses the next, until one is done', async () => {
    const queue = new KeyedQueue();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const running = Array.from({ length: 100 }, () => queue.run('a', () => held));
    await expect(queue.run('a', async () => undefined)).rejects.toThrow(TooManyChangesError);
    await expect(queue.run('b', async () => 'other')).resolves.toBe('other');
    release();
    await Promise.all(running);
    await expect(queue.run('a', async () => 'again')).resolves.toBe('again');
  });
});
