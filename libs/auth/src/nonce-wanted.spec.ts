import { describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import { wantsNonce } from './nonce-wanted.js';

const wants = (challenge?: string, status = 401) =>
  wantsNonce({ status, contentType: '', ...(challenge === undefined ? {} : { challenge }) });

describe('a refusal for want of a nonce', () => {
  it.each([
    ['DPoP error="use_dpop_nonce", resource_metadata="https://r.example"'],
    ['dpop realm="a, b",error=use_dpop_nonce'],
    ['Bearer realm="x", DPoP algs="ES256", error="use_dpop_nonce"'],
  ])('is one: %s', (challenge) => expect(wants(challenge)).toBe(true));

  it.each([
    [undefined],
    ['DPoP error="invalid_token"'],
    ['Bearer error="use_dpop_nonce"'],
    ['DPoP error_description="error=use_dpop_nonce"'],
    ['DPoP realm="error=use_dpop_nonce'],
  ])('is none: %s', (challenge) => expect(wants(challenge)).toBe(false));

  it('is none with another status, and takes no time to look for', () => {
    expect(wants('DPoP error="use_dpop_nonce"', 403)).toBe(false);
    for (const text of ['a"', ' ', 'DPoP ', '"a" error', 'error=']) {
      const look = (times: number) => void wants(`DPoP ${text.repeat(times)}`);
      expect(costRatio(look, [12_500, 100_000])).toBeLessThan(32);
    }
  });
});
