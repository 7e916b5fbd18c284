import { describe, expect, it } from '@jest/globals';
import { expiryAfter } from './key-expiry.js';

describe('the span after which a key ends', () => {
  it.each([
    ['30m', 30 * 60_000],
    ['12h', 12 * 3_600_000],
    ['90d', 90 * 86_400_000],
    ['3650d', 3650 * 86_400_000],
  ])('reads %s', (text, span) => {
    expect(expiryAfter(text, 1000)?.getTime()).toBe(1000 + span);
  });

  it.each(['', '0d', '-1d', '90', 'd', '90 d', '1.5h', '90D', '1y', '4000d', '9999999d', '90d90d', 'never'])(
    'refuses %j',
    (text) => expect(expiryAfter(text, 0)).toBeUndefined(),
  );
});
