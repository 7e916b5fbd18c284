import { ComposerError } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import { throughMessages } from '../../testing/through-messages.js';

describe('the lists that a thread makes', () => {
  it('come whole, in parts that are read quickly', () => {
    const lists = { long: Array.from({ length: 500 }, (_, n) => ({ n, text: 'x'.repeat(2_000) })), none: [] };
    const { whole, sizes } = throughMessages(() => lists);
    expect(whole).toEqual(lists);
    expect(sizes.length).toBeGreaterThan(3);
    expect(Math.max(...sizes)).toBeLessThan(400 * 1024);
  });

  it('are an error where the work refuses its order, with its faults', () => {
    const error = new ComposerError('COMPOSER_X', 'no', { status: 422, faults: [{ path: 'a', message: 'b' }] });
    const refuse = (): never => {
      throw error;
    };
    expect(() => throughMessages(refuse)).toThrow(
      expect.objectContaining({ code: 'COMPOSER_X', status: 422, faults: [{ path: 'a', message: 'b' }] }),
    );
  });

  it('are no error of the order where the work has a defect', () => {
    const defect = (): never => {
      throw new TypeError('a is undefined');
    };
    expect(() => throughMessages(defect)).toThrow(/has failed: TypeError: a is undefined/);
  });
});
