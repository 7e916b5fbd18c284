import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { principalId, serverId, tenantId } from '#kernel';
import { MemoryDataKeyStore, randomRing } from '#persistence/testing';
import { openFingerprints } from '#token-store/testing';
import type { CredentialUse } from './credential-use.js';
import { type TokenKeyParts, TokenKeys } from './token-keys.js';

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
const store = new MemoryDataKeyStore();
const ring = randomRing();

describe('the name of a stored credential', () => {
  let keys: TokenKeys;
  beforeAll(async () => {
    keys = new TokenKeys(await openFingerprints(store, ring));
  });

  it('holds tenant, server, issuer and a digest; the caller only where each has an own one', async () => {
    const key = await keys.of(use, parts);
    expect(key).toEqual({
      tenantId: 'acme',
      serverId: 'crm',
      kind: 'token',
      issuer: 'https://as.example',
      fingerprint: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
    expect(await keys.of(use, { ...parts, perPrincipal: true })).toEqual({ ...key, principalId: 'key:ann' });
    expect(await keys.of(use, { ...parts, kind: 'client' })).toEqual({ ...key, kind: 'client' });
  });

  it('is the same for the same settings in any order, whatever the path of the endpoint', async () => {
    const other = { scope: ['a', 'b'], client_secret: 's', client_id: 'c', id: undefined };
    const elsewhere = { ...use, endpoint: new URL('https://crm.example/other') };
    expect(await keys.of(elsewhere, { ...parts, settings: other })).toEqual(await keys.of(use, parts));
  });

  it.each<[string, Partial<CredentialUse>, Partial<TokenKeyParts>]>([
    ['secret', {}, { settings: { client_id: 'c', client_secret: 'S', scope: ['a', 'b'] } }],
    ['order of values', {}, { settings: { client_id: 'c', client_secret: 's', scope: ['b', 'a'] } }],
    ['strategy', {}, { strategy: 'dynamic_bearer' }],
    ['origin', { endpoint: new URL('https://crm.example:8443/api') }, {}],
    ['tool', { tool: 'pay' }, {}],
    ['tenant', { member: { ...use.member, tenantId: tenantId('globex') } }, {}],
  ])('has another digest for another %s', async (_, otherUse, otherParts) => {
    const other = await keys.of({ ...use, ...otherUse }, { ...parts, ...otherParts });
    expect(other.fingerprint).not.toBe((await keys.of(use, parts)).fingerprint);
  });

  it('is the same in another process, and another one under the key of another installation', async () => {
    const { fingerprint } = await keys.of(use, parts);
    const process = new TokenKeys(await openFingerprints(store, ring));
    expect((await process.of(use, parts)).fingerprint).toBe(fingerprint);
    const installation = new TokenKeys(await openFingerprints());
    expect((await installation.of(use, parts)).fingerprint).not.toBe(fingerprint);
  });

  it('cannot be guessed by whoever knows the settings but for a weak secret, and has the database', async () => {
    const { fingerprint } = await keys.of(use, parts);
    const text = JSON.stringify([
      'oauth2',
      { client_id: 'c', client_secret: 's', scope: ['a', 'b'] },
      'https://crm.example',
      null,
    ]);
    expect(fingerprint).not.toBe(createHash('sha256').update(text).digest('base64url'));
  });

  it('is at hand once it was had', async () => {
    const process = new TokenKeys(await openFingerprints(store, ring));
    expect(process.peek(use, parts)).toBeUndefined();
    const key = await process.of(use, parts);
    expect(process.peek(use, parts)).toEqual(key);
  });

  it('gives nobody a credential of single principals where nobody is named', async () => {
    const { member, endpoint } = use;
    const wanted = keys.of({ member, endpoint }, { ...parts, perPrincipal: true });
    await expect(wanted).rejects.toMatchObject({
      code: 'COMPOSER_PRINCIPAL_MISSING',
      message: expect.stringContaining('/connect/crm'),
    });
  });
});
