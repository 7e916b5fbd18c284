import { describe, expect, it } from '@jest/globals';
import { namedIssuer } from './named-issuer.js';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (claims: unknown): string => `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`;

describe('namedIssuer', () => {
  it('is what the token says', () => {
    expect(namedIssuer(tokenOf({ iss: 'https://idp.example/realm' }))).toBe('https://idp.example/realm');
  });

  it.each([
    ['nothing', {}],
    ['an empty text', { iss: '' }],
    ['a number', { iss: 7 }],
    ['a list', { iss: ['https://idp.example'] }],
    ['a NUL', { iss: 'https://idp.example/\0' }],
    ['half a character', { iss: 'https://idp.example/\ud800' }],
    ['more than any issuer has', { iss: `https://idp.example/${'a'.repeat(2_048)}` }],
    ['claims that are none', 'text'],
  ])('is nobody where the token says %s', (_, claims) => {
    expect(namedIssuer(tokenOf(claims))).toBeUndefined();
  });

  it.each(['', 'opaque', 'a.b.c', 'e30.e30'])('is nobody where there is no token: %j', (text) => {
    expect(namedIssuer(text)).toBeUndefined();
  });
});
