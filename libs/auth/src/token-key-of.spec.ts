import { describe, expect, it } from '@jest/globals';
import { principalId, serverId, tenantId } from '#kernel';
import type { CredentialUse } from './credential-use.js';
import { type TokenKeyParts, tokenKeyFor } from './token-key-of.js';

const use: CredentialUse = {
  member: { tenantId: tenantId('acme'), serverId: serverId('crm') },
  endpoint: new URL('https://crm.example/api?x=1'),
  principalId: principalId('key:ann'),
};
const parts: TokenKeyParts = {
  strategy: 'oauth2',
  settings: { client_id: 'c', client_secret: 's', scope: ['a', 'b'] },
  issuer: 'https://as.example',
};

describe('tokenKeyFor', () => {
  it('names tenant, server, issuer and a digest; the caller only where each has an own one', () => {
    const key = tokenKeyFor(use, parts);
    expect(key).toEqual({
      tenantId: 'acme',
      serverId: 'crm',
      kind: 'token',
      issuer: 'https://as.example',
      fingerprint: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
    expect(tokenKeyFor(use, { ...parts, perPrincipal: true })).toEqual({ ...key, principalId: 'key:ann' });
    expect(tokenKeyFor(use, { ...parts, kind: 'client' })).toEqual({ ...key, kind: 'client' });
  });

  it('is the same for the same settings in any order, whatever the path of the endpoint', () => {
    const other = { scope: ['a', 'b'], client_secret: 's', client_id: 'c', id: undefined };
    const elsewhere = { ...use, endpoint: new URL('https://crm.example/other') };
    expect(tokenKeyFor(elsewhere, { ...parts, settings: other })).toEqual(tokenKeyFor(use, parts));
  });

  it.each<[string, Partial<CredentialUse>, Partial<TokenKeyParts>]>([
    ['secret', {}, { settings: { client_id: 'c', client_secret: 'S', scope: ['a', 'b'] } }],
    ['order of values', {}, { settings: { client_id: 'c', client_secret: 's', scope: ['b', 'a'] } }],
    ['strategy', {}, { strategy: 'dynamic_bearer' }],
    ['origin', { endpoint: new URL('https://crm.example:8443/api') }, {}],
    ['tool', { tool: 'pay' }, {}],
  ])('is another one for another %s', (_, otherUse, otherParts) => {
    const other = tokenKeyFor({ ...use, ...otherUse }, { ...parts, ...otherParts });
    expect(other.fingerprint).not.toBe(tokenKeyFor(use, parts).fingerprint);
  });

  it('gives nobody a credential of single principals where nobody is named', () => {
    const { member, endpoint } = use;
    expect(() => tokenKeyFor({ member, endpoint }, { ...parts, perPrincipal: true })).toThrow(
      expect.objectContaining({ code: 'COMPOSER_PRINCIPAL_MISSING' }),
    );
  });
});
