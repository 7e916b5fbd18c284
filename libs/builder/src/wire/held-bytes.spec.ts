import { describe, expect, it } from '@jest/globals';
import { HeldBytes } from './held-bytes.js';

const holding = (...parts: string[]): HeldBytes => {
  const held = new HeldBytes();
  for (const part of parts) held.append(Buffer.from(part));
  return held;
};

describe('HeldBytes', () => {
  it('holds what is appended', () => {
    const held = holding('ab', '', 'cd');
    expect([held.length, held.bytes.toString()]).toEqual([4, 'abcd']);
  });

  it('forgets the beginning', () => {
    const held = holding('abcdef');
    held.drop(4);
    held.append(Buffer.from('g'));
    expect(held.bytes.toString()).toBe('efg');
  });

  it('never writes over what it has given away', () => {
    const held = holding('abc');
    const given = held.giveAway();
    expect(held.length).toBe(0);
    held.append(Buffer.from('xyz'));
    expect(given.toString()).toBe('abc');
  });

  it('keeps a copy: what it was given may be written over', () => {
    const part = Buffer.from('abc');
    const held = new HeldBytes();
    held.append(part);
    part.fill('x');
    expect(held.bytes.toString()).toBe('abc');
  });

  it.each([0, 1, 1_000])('keeps no large room for %s bytes', (left) => {
    const held = new HeldBytes();
    held.append(Buffer.alloc(1024 * 1024));
    held.append(Buffer.alloc(left, 'x'));
    expect(held.bytes.buffer.byteLength).toBeGreaterThan(1024 * 1024);
    held.drop(1024 * 1024);
    expect(held.bytes.toString()).toBe('x'.repeat(left));
    expect(held.bytes.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
  });
});
