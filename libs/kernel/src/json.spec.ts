import { describe, expect, it } from '@jest/globals';
import { isObject } from './json.js';

describe('isObject', () => {
  it('is true for objects alone', () => {
    expect([{}, { a: 1 }, Object.create(null)].every(isObject)).toBe(true);
    expect([null, undefined, [], [{}], 'a', 1, true, () => undefined].some(isObject)).toBe(false);
  });
});
