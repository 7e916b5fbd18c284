import { egressFor } from '#egress/testing';
import { openMemorySealer } from '#persistence/testing';
import { SecretValues } from '#observability';
import { principalId, tenantId } from '#kernel';
import { CLI, DEFAULT_TENANT } from '#tenancy';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventOf, memoryStores } from '../../testing/access-stores.js';
import { MemoryIssuerStore } from '../../testing/memory.issuer.store.js';
import { MemoryTrail } from '../../testing/memory-trail.js';
import { AccessChanges } from '../directory/access-changes.js';
import type { OauthConfig } from '../oauth.config.js';
import type { PrincipalStore } from '../principals/principal.store.js';
import { IssuerJudge } from './issuer-judge.js';
import { IssuerRegistry } from './issuer-registry.js';
import { Issuers } from './issuers.js';

const ACME = tenantId('11111111-1111-4111-8111-111111111111');
const GLOBEX = tenantId('22222222-2222-4222-8222-222222222222');
const SECRET = 'hunter2-hunter2';
const egress = egressFor(['idp.example:*', 'other.example:*', '127.0.0.0/8:*'], {
  lookup: async () => Promise.reject(new Error('no names here')),
});

const IDP = {
  issuer: 'https://idp.example/realm',
  kind: 'introspection',
  introspection_url: 'https://idp.example/introspect',
  client_id: 'composer',
};

describe('IssuerRegistry', () => {
  let trail: MemoryTrail;
  let store: MemoryIssuerStore;
  let issuers: Issuers;
  let registry: IssuerRegistry;
  let people: PrincipalStore;
  let secrets: SecretValues;

  async function open(config: Partial<OauthConfig> = {}): Promise<void> {
    trail = new MemoryTrail();
    store = new MemoryIssuerStore(trail);
    const changes = new AccessChanges(trail.feed);
    changes.onModuleInit();
    const sealer = await openMemorySealer();
    secrets = new SecretValues();
    issuers = new Issuers(
      { callbackPath: '/auth/callback', mcpScopes: [], ...config },
      store,
      sealer,
      secrets,
      changes,
    );
    issuers.onModuleInit();
    const listen = { host: '', port: 0, publicUrl: 'https://gw.example', isLoopback: false, aliases: [] };
    const { principals, tenants } = await memoryStores();
    await tenants.insert({ id: ACME, slug: 'acme', name: 'ACME' }, eventOf('tenant.created'));
    people = principals;
    registry = new IssuerRegistry(store, issuers, sealer, new IssuerJudge(egress.guard, principals, listen));
  }
  beforeEach(() => open());
  afterAll(() => egress.close());

  const put = (input: object, id = 'idp', tenant = ACME) => registry.put({ tenant, id, actor: CLI }, input);
  const stored = async (id = 'idp') => (await store.find(ACME, id))!;
  const secret = async () => issuers.secretOf(await stored());

  it('keeps what it was given, its secret sealed and shown as a marker', async () => {
    const view = await put({ ...IDP, client_secret: SECRET, role_map: { staff: 'developer' } });
    expect(view).toMatchObject({ ...IDP, id: 'idp', client_secret: { set: true }, enabled: true, version: 1 });
    expect(await registry.get(ACME, 'idp')).toEqual(view);
    expect(await registry.list(ACME)).toEqual([view]);
    expect(JSON.stringify([await stored(), trail.events])).not.toContain(SECRET);
    expect(await secret()).toBe(SECRET);
    expect(secrets.mask(`failed with ${SECRET}`)).toBe('failed with [secret]');
  });

  it('records each change with what was and what is', async () => {
    await put(IDP);
    await put({ ...IDP, audiences: ['api://composer'] });
    await registry.remove({ tenant: ACME, id: 'idp', actor: CLI });
    expect(trail.events.map(({ event }) => event)).toMatchObject([
      { action: 'issuer.created', actor: CLI, target: 'issuer:idp', after: { version: 1 } },
      { action: 'issuer.updated', before: { audiences: [] }, after: { audiences: ['api://composer'] } },
      { action: 'issuer.deleted', before: { version: 2 } },
    ]);
  });

  it('lets nobody but operators say how an issuer is trusted through which an operator comes in', async () => {
    const forged = { ...IDP, kind: 'jwt', jwks_url: 'https://other.example/keys' };
    await put(IDP);
    const identity = { issuer: IDP.issuer, subject: 'chief' };
    const chief = { tenantId: ACME, id: principalId('chief'), kind: 'user', name: 'Chief', identity } as const;
    await people.insert({ ...chief, roles: ['operator'] }, eventOf('principal.created'));
    const as = (role: string, input: object, id = 'idp') =>
      registry.put({ tenant: ACME, id, actor: CLI, roles: [role] }, input);
    await expect(as('admin', forged)).rejects.toMatchObject({ code: 'COMPOSER_GRANT_FORBIDDEN', status: 403 });
    await registry.remove({ tenant: ACME, id: 'idp', actor: CLI });
    await expect(as('admin', forged, 'another')).rejects.toMatchObject({ code: 'COMPOSER_GRANT_FORBIDDEN' });
    expect(await as('admin', { ...forged, issuer: 'https://idp.example/another' })).toMatchObject({ version: 1 });
    expect(await as('operator', forged, 'another')).toMatchObject({ jwks_url: forged.jwks_url });
  });

  it('keeps a secret for a marker, drops it without one, and asks for it where there is none', async () => {
    await put({ ...IDP, client_secret: SECRET });
    await put({ ...IDP, client_secret: { set: true }, introspection_url: 'https://idp.example/other' });
    expect(await secret()).toBe(SECRET);
    await put(IDP);
    expect(await secret()).toBeUndefined();
    await expect(put({ ...IDP, client_secret: { set: true } })).rejects.toMatchObject({
      code: 'COMPOSER_ISSUER_INVALID',
      faults: [{ path: 'client_secret' }],
    });
  });

  it.each([
    ['the issuer', { issuer: 'https://other.example/realm' }],
    ['the introspection address', { introspection_url: 'https://other.example/introspect' }],
    ['its port', { introspection_url: 'https://idp.example:8443/introspect' }],
    ['an address that was found by discovery before', { sign_in: { token_url: 'https://other.example/token' } }],
    ['an address that is no longer given', { introspection_url: undefined }],
    ['the authorization address', { sign_in: { authorization_url: 'https://other.example/a' } }],
    ['the client', { client_id: 'another' }],
  ])('keeps no secret for a marker when %s is another one', async (_, more) => {
    await put({ ...IDP, client_secret: SECRET });
    await expect(put({ ...IDP, ...more, client_secret: { set: true } })).rejects.toMatchObject({
      code: 'COMPOSER_ISSUER_INVALID',
      faults: [{ path: 'client_secret' }],
    });
    expect((await stored()).version).toBe(1);
  });

  it('does not read a secret back that was moved to another row', async () => {
    await put({ ...IDP, client_secret: SECRET });
    await put({ ...IDP, issuer: 'https://idp.example/b' }, 'b');
    const [a, b] = [await stored(), await stored('b')];
    await expect(issuers.secretOf({ ...b, sealedSecret: a.sealedSecret! })).rejects.toMatchObject({
      code: 'COMPOSER_SEAL_BROKEN',
    });
  });

  it.each([
    [{ algorithms: ['HS256'] }, 'algorithms.0'],
    [{ algorithms: ['none'] }, 'algorithms.0'],
    [{ algorithms: [] }, 'algorithms'],
    [{ issuer: 'idp' }, 'issuer'],
    [{ issuer: 'https://idp.example/?x=1' }, 'issuer'],
    [{ issuer: 'https://gw.example/t/globex' }, 'issuer'],
    [{ issuer: 'https://gw.example' }, 'issuer'],
    [{ default_roles: ['operator'] }, 'default_roles.0'],
    [{ role_map: { staff: 'operator' } }, 'role_map.staff'],
    [{ client_id: undefined }, 'client_id'],
    [{ kind: 'jwt', client_id: undefined, sign_in: {} }, 'client_id'],
    [{ tenant_id: GLOBEX }, 'tenant_id'],
    [{ roles_claim: 'a\u0000' }, 'roles_claim'],
  ])('refuses %j', async (more, path) => {
    const refused = put({ ...IDP, ...more });
    await expect(refused).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_INVALID', status: 422, faults: [{ path }] });
  });

  it('names every address that may not be called from here, in one error', async () => {
    const jwks_url = 'http://169.254.169.254/keys';
    const refused = put({ ...IDP, jwks_url, sign_in: { token_url: 'https://10.0.0.1/token' } });
    await expect(refused).rejects.toMatchObject({
      code: 'COMPOSER_EGRESS_DENIED',
      faults: [{ path: 'jwks_url' }, { path: 'sign_in.token_url' }],
    });
    expect(await store.list(ACME)).toEqual([]);
  });

  it('answers a foreign id, an unknown one and an impossible one alike', async () => {
    await put(IDP);
    const code = 'COMPOSER_ISSUER_UNKNOWN';
    for (const [tenant, id] of [
      [GLOBEX, 'idp'],
      [ACME, 'nobody'],
      [ACME, '\u0000'],
    ] as const) {
      await expect(registry.get(tenant, id)).rejects.toMatchObject({ code });
      await expect(registry.remove({ tenant, id, actor: CLI })).rejects.toMatchObject({ code });
      await expect(registry.disable({ tenant, id, actor: CLI })).rejects.toMatchObject({ code });
    }
    expect((await put({ ...IDP, audiences: ['x'] }, 'idp', GLOBEX)).version).toBe(1);
    expect((await stored()).settings.audiences).toEqual([]);
  });

  it('takes no token of an issuer that is disabled, and those of one that is enabled again', async () => {
    await put({ ...IDP, client_secret: SECRET });
    expect(await issuers.findEverywhere(IDP.issuer)).toHaveLength(1);
    expect(await registry.disable({ tenant: ACME, id: 'idp', actor: CLI })).toMatchObject({ enabled: false });
    expect(await issuers.findEverywhere(IDP.issuer)).toEqual([]);
    expect(await issuers.list(ACME)).toEqual([]);
    expect(await put({ ...IDP, client_secret: { set: true } })).toMatchObject({ enabled: false });
    expect(await put({ ...IDP, client_secret: { set: true }, enabled: true })).toMatchObject({ enabled: true });
    expect(await secret()).toBe(SECRET);
    expect(await issuers.findEverywhere(IDP.issuer)).toHaveLength(1);
  });

  it('lets people sign in through one issuer of a tenant', async () => {
    await put({ ...IDP, sign_in: {} });
    const second = { ...IDP, issuer: 'https://idp.example/b', sign_in: {} };
    await expect(put(second, 'b')).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_SECOND_SIGN_IN' });
    await put({ ...second, enabled: false }, 'b');
    await put(second, 'b', GLOBEX);
    expect((await issuers.signInOf(ACME))?.settings.issuer).toBe(IDP.issuer);
  });

  describe('with an issuer of the environment', () => {
    const settings = {
      issuer: 'https://idp.example',
      kind: 'jwt' as const,
      audiences: [],
      algorithms: ['ES256'],
      client_id: 'composer',
      role_map: {},
      default_roles: ['caller'],
      sign_in: { scope: 'openid' },
    };
    const configUrl = 'https://idp.example/.well-known/openid-configuration';
    beforeEach(() => open({ issuer: settings, clientSecret: SECRET, configUrl, mcpScopes: ['user'] }));

    it('is one of the default tenant, before the stored ones', async () => {
      const [fixed] = await issuers.list(DEFAULT_TENANT);
      expect(fixed).toMatchObject({ id: 'environment', settings, mcpScopes: ['user'] });
      expect(await issuers.secretOf(fixed!)).toBe(SECRET);
      expect(await issuers.signInOf(DEFAULT_TENANT)).toEqual(fixed);
      expect(await issuers.list(ACME)).toEqual([]);
      expect(secrets.mask(SECRET)).toBe('[secret]');
    });

    it('is found however its spelling ends, and in no other spelling', async () => {
      for (const issuer of ['https://idp.example', 'https://idp.example/']) {
        expect(await issuers.findEverywhere(issuer)).toMatchObject([{ settings: { issuer } }]);
      }
      for (const issuer of ['https://idp.example//', 'https://IDP.example', '']) {
        expect(await issuers.findEverywhere(issuer)).toEqual([]);
      }
    });

    it('is shown, and changed nowhere but in the environment', async () => {
      const view = { id: 'environment', source: 'environment', client_secret: { set: true }, enabled: true };
      expect(await registry.list(DEFAULT_TENANT)).toMatchObject([view]);
      expect(await registry.get(DEFAULT_TENANT, 'environment')).toMatchObject(view);
      const code = 'COMPOSER_ISSUER_FIXED';
      await expect(put(IDP, 'environment', DEFAULT_TENANT)).rejects.toMatchObject({ code });
      const change = { tenant: DEFAULT_TENANT, id: 'environment', actor: CLI };
      await expect(registry.remove(change)).rejects.toMatchObject({ code });
      await expect(registry.get(ACME, 'environment')).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNKNOWN' });
      await expect(put({ ...IDP, sign_in: {} }, 'b', DEFAULT_TENANT)).rejects.toMatchObject({
        code: 'COMPOSER_ISSUER_SECOND_SIGN_IN',
      });
    });
  });
});
