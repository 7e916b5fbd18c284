import { ComposerError } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import { ThreadAnswer, messagesOf } from './thread-answer.js';

function told(work: () => object) {
  const answer = new ThreadAnswer<object>();
  const sizes: number[] = [];
  for (const message of messagesOf(work)) {
    const copy = structuredClone(message);
    sizes.push(JSON.stringify(copy).length);
    const whole = answer.take(copy);
    if (whole) return { whole, sizes };
  }
  throw new Error('it has no end');
}

describe('the lists that a thread makes', () => {
  it('come whole, in parts that are read quickly', () => {
    const lists = { long: Array.from({ length: 500 }, (_, n) => ({ n, text: 'x'.repeat(2_000) })), none: [] };
    const { whole, sizes } = told(() => lists);
    expect(whole).toEqual(lists);
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThan(400 * 1024);
  });

  it('are an error where the work refuses its order, with its faults', () => {
    const error = new ComposerError('COMPOSER_X', 'no', { status: 422, faults: [{ path: 'a', message: 'b' }] });
    const refuse = (): never => {
      throw error;
    };
    expect(() => told(refuse)).toThrow(
      expect.objectContaining({ code: 'COMPOSER_X', status: 422, faults: [{ path: 'a', message: 'b' }] }),
    );
  });

  it('are no error of the order where the work has a defect', () => {
    const defect = (): never => {
      throw new TypeError('a is undefined');
    };
    expect(() => told(defect)).toThrow(/has failed: TypeError: a is undefined/);
  });
});
