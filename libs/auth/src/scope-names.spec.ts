import { describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import { scopeAskedBy, unionOf, widened } from './scope-names.js';

const asked = (challenge?: string, status = 403) =>
  scopeAskedBy({ status, contentType: '', ...(challenge === undefined ? {} : { challenge }) });

describe('the scope that a member asks for', () => {
  it.each([
    ['Bearer error="insufficient_scope", scope="files:read files:write"', 'files:read files:write'],
    ['Bearer realm="x", error="insufficient_scope",scope="a", resource_metadata="https://r.example/.well-known"', 'a'],
    ['bearer scope=a , error=insufficient_scope', 'a'],
    ['DPoP error="insufficient_scope", scope="a"', 'a'],
    ['Basic realm="r", Bearer error="insufficient_scope", scope="a"', 'a'],
    ['Bearer error="insufficient_scope", error_description="scope=\\"evil\\", x", scope="a  b"', 'a b'],
    ['Bearer error="insufficient_scope", scope="a \u00e4 b"', 'a b'],
  ])('is read from %s', (challenge, scope) => {
    expect(asked(challenge)).toBe(scope);
  });

  it.each([
    [undefined],
    ['Bearer error="invalid_token", scope="a"'],
    ['Bearer error="insufficient_scope"'],
    ['Bearer error="insufficient_scope", scope=""'],
    ['Digest error="insufficient_scope", scope="a"'],
    ['Bearer error_description="error=insufficient_scope, scope=a"'],
  ])('is none in %s', (challenge) => {
    expect(asked(challenge)).toBeUndefined();
  });

  it('is none with another status, and takes no time to look for', () => {
    expect(asked('Bearer error="insufficient_scope", scope="a"', 401)).toBeUndefined();
    for (const text of ['a="\\', 'a']) {
      const look = (times: number) => void asked(`Bearer ${text.repeat(times)}`);
      expect(costRatio(look, [12_500, 100_000])).toBeLessThan(32);
    }
  });
});

describe('a wider scope', () => {
  it('is what was asked for before, and what is asked for now', () => {
    expect(widened('read write', 'write admin')).toBe('read write admin');
    expect(widened(undefined, 'read')).toBe('read');
    expect(unionOf('a b', undefined, 'b c')).toBe('a b c');
    expect(unionOf(undefined, '')).toBeUndefined();
  });

  it('is none where all of it was asked for before, or it would be too much', () => {
    expect(widened('read write', 'write')).toBeUndefined();
    const many = Array.from({ length: 200 }, (_, n) => `scope-${n}`).join(' ');
    expect(widened('read', many)).toBeUndefined();
  });
});
