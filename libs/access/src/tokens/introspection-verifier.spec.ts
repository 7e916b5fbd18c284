import type { TenantId } from '#kernel';
import { CLI, DEFAULT_TENANT } from '#tenancy';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type OpenTokens, PUBLIC_URL, openTokens } from '../../testing/open-tokens.js';
import { TestIssuer } from '../../testing/test-issuer.js';
import type { PresentedAt } from '../identity/credential-verifier.js';

const now = () => Math.floor(Date.now() / 1000);
const ACME_MCP = `${PUBLIC_URL}/t/acme/mcp`;
const SECRET = 'se:cret +&%';

describe('a token whose issuer must be asked', () => {
  let idp: TestIssuer;
  let other: TestIssuer;
  let opened: OpenTokens;
  let acme: TenantId;

  beforeAll(async () => void ([idp, other] = await Promise.all([TestIssuer.start(), TestIssuer.start()])));
  afterAll(() => Promise.all([idp.close(), other.close()]));
  beforeEach(async () => {
    opened = await openTokens();
    acme = await opened.tenant('acme');
    await opened.tenant('globex');
    for (const issuer of [idp, other]) {
      issuer.isDown = false;
      issuer.asked.splice(0);
      issuer.credentials.splice(0);
      issuer.introspected.clear();
    }
    await trust();
  });
  afterEach(() => opened.close());

  const trust = (more: object = {}, { tenant = acme, id = 'idp', issuer = idp } = {}) => {
    const introspection_url = `${issuer.origin}/introspect`;
    const client = { client_id: 'com poser', client_secret: SECRET };
    const settings = { issuer: issuer.issuer, kind: 'introspection', introspection_url, ...client, ...more };
    return opened.registry.put({ tenant, id, actor: CLI }, settings);
  };
  const answer = (token: string, more: object = {}, issuer = idp) =>
    issuer.introspected.set(token, { active: true, aud: ACME_MCP, client_id: 'app', exp: now() + 60, ...more });
  const verify = (token: string, at: PresentedAt = { tenantSlug: 'acme' }) => opened.verifier.verify(token, at);

  it('is who its issuer says, and asked for with the client and the secret of the tenant', async () => {
    answer('opaque', { sub: 'ada', username: 'Ada', scope: 'mcp manage', iss: idp.issuer });
    const { principal, audiences } = (await verify('opaque'))!;
    expect(principal).toMatchObject({ tenantId: acme, scopes: ['mcp', 'manage'], credential: { kind: 'token' } });
    expect(audiences).toEqual([ACME_MCP]);
    expect(await opened.stores.principals.find(acme, principal.id)).toMatchObject({ kind: 'user', name: 'Ada' });
    const [, basic] = idp.credentials[0]!.split(' ');
    expect(Buffer.from(basic!, 'base64').toString()).toBe('com+poser:se%3Acret+%2B%26%25');
  });

  it('stands for its client where it has no subject', async () => {
    answer('opaque');
    const { principal } = (await verify('opaque'))!;
    const identity = { issuer: idp.issuer, subject: 'client:app' };
    expect(await opened.stores.principals.find(acme, principal.id)).toMatchObject({ kind: 'service', identity });
  });

  it.each([
    ['inactive', { active: false }],
    ['active in another way', { active: 'true' }],
    ['for another audience', { aud: 'https://other.example/mcp' }],
    ['for another tenant', { aud: `${PUBLIC_URL}/t/globex/mcp` }],
    ['for nobody in particular', { aud: undefined }],
    ['of another issuer', { iss: 'https://other.example' }],
    ['over', { exp: 1_000_000 }],
    ['over at no certain time', { exp: 'later' }],
    ['not valid yet', { nbf: now() + 600 }],
    ['bound to a key', { cnf: { 'x5t#S256': 'x' } }],
    ['nobody’s', { client_id: undefined }],
  ])('is refused when it is %s', async (_, more) => {
    answer('opaque', more);
    expect(await verify('opaque')).toBeUndefined();
  });

  it('is shown to issuers of the tenant in the path alone, else to those of the default tenant', async () => {
    await trust({}, { tenant: DEFAULT_TENANT, issuer: other });
    answer('opaque');
    expect(await verify('opaque', {})).toBeUndefined();
    expect([idp.asked.length, other.asked.length]).toEqual([0, 1]);
    for (const tenantSlug of ['globex', 'nobody']) expect(await verify('opaque', { tenantSlug })).toBeUndefined();
    expect([idp.asked.length, other.asked.length]).toEqual([0, 1]);
    answer('opaque', { aud: `${PUBLIC_URL}/mcp` }, other);
    expect((await verify('opaque', {}))!.principal.tenantId).toBe(DEFAULT_TENANT);
    expect(idp.asked).toEqual([]);
  });

  it('is shown to no other issuer than the one that it names', async () => {
    const token = await other.mint({ claims: { aud: ACME_MCP } });
    expect(await verify(token)).toBeUndefined();
    expect(idp.asked).toEqual([]);
    const own = await idp.mint({ claims: { aud: ACME_MCP } });
    answer(own, { sub: 'ada' });
    expect(await verify(own)).toBeDefined();
  });

  it('is taken by form alone only if it is no key and no token of our own', async () => {
    const mine = await idp.mint({ claims: { iss: `${PUBLIC_URL}/t/acme` } });
    for (const token of ['mcpc_x_y', '', 'two words', 'a"b', 'x'.repeat(20_000), mine]) {
      expect(opened.verifier.takes(token)).toBe(false);
    }
    for (const token of ['opaque', 'a.b', 'a.b.c', await idp.mint()]) expect(opened.verifier.takes(token)).toBe(true);
  });

  it('has no verdict when its issuer is away or answers nonsense, and is asked of three at most', async () => {
    idp.isDown = true;
    await expect(verify('opaque')).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE' });
    idp.isDown = false;
    idp.introspected.set('opaque', [1]);
    await expect(verify('opaque')).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE' });
    for (const id of ['b', 'c', 'd']) {
      await trust({ issuer: `${other.issuer}/${id}` }, { id, issuer: other });
    }
    idp.introspected.delete('opaque');
    for (const issuer of [idp, other]) issuer.asked.splice(0);
    expect(await verify('opaque')).toBeUndefined();
    expect(idp.asked.length + other.asked.length).toBe(3);
  });

  it('finds out from the metadata where to ask', async () => {
    await trust({ introspection_url: undefined });
    answer('opaque');
    expect(await verify('opaque')).toBeDefined();
  });
});

describe('tokens that several tenants could claim', () => {
  let idp: TestIssuer;
  let opened: OpenTokens;
  let tenants: TenantId[];

  beforeAll(async () => void (idp = await TestIssuer.start()));
  afterAll(() => idp.close());
  beforeEach(async () => {
    opened = await openTokens();
    tenants = [await opened.tenant('acme'), await opened.tenant('globex')];
    const settings = { issuer: idp.issuer, audiences: ['api://composer'] };
    for (const tenant of tenants) await opened.registry.put({ tenant, id: 'idp', actor: CLI }, settings);
  });
  afterEach(() => opened.close());

  const tenantOf = async (aud: unknown, at: PresentedAt = {}) =>
    (await opened.verifier.verify(await idp.mint({ claims: { aud } }), at))?.principal.tenantId;

  it('are those of the tenant whose endpoint they name', async () => {
    expect(await tenantOf(`${PUBLIC_URL}/t/acme/mcp`)).toBe(tenants[0]);
    expect(await tenantOf([`${PUBLIC_URL}/t/globex/mcp`, 'api://composer', PUBLIC_URL])).toBe(tenants[1]);
  });

  it('are nobody’s where nothing tells, which is worth a line', async () => {
    for (const aud of ['api://composer', PUBLIC_URL, [`${PUBLIC_URL}/t/acme/mcp`, `${PUBLIC_URL}/t/globex/mcp`]]) {
      expect(await tenantOf(aud)).toBeUndefined();
    }
    const warned = opened.lines.filter((line) => line.includes('more than one tenant'));
    expect(warned).toHaveLength(3);
    expect(warned.join()).not.toContain('eyJ');
  });

  it('are those of the tenant in the path, if they are meant for it', async () => {
    expect(await tenantOf('api://composer', { tenantSlug: 'globex' })).toBe(tenants[1]);
    expect(await tenantOf(`${PUBLIC_URL}/t/acme/mcp`, { tenantSlug: 'globex' })).toBe(tenants[0]);
    expect(await tenantOf('api://composer', { tenantSlug: 'nobody' })).toBeUndefined();
  });

  it.each(['other keys', 'keys that are not there'])(
    'are not kept from a tenant by one that lists %s',
    async (keys) => {
      const other = await TestIssuer.start();
      other.isDown = keys !== 'other keys';
      const jwks_url = `${other.origin}${other.isDown ? '/nothing' : '/jwks'}`;
      const forged = { issuer: idp.issuer, audiences: ['api://composer'], jwks_url };
      await opened.registry.put({ tenant: tenants[1]!, id: 'idp', actor: CLI }, forged);
      expect(await tenantOf('api://composer')).toBe(tenants[0]);
      await other.close();
    },
  );

  it('fill no log when they are made up', async () => {
    const [head, body] = (await idp.mint({ claims: { aud: PUBLIC_URL } })).split('.');
    expect(await opened.verifier.verify(`${head}.${body}.${'A'.repeat(86)}`, {})).toBeUndefined();
    expect(opened.lines.filter((line) => line.includes('more than one tenant'))).toEqual([]);
  });
});

describe('scopes and roles of a token', () => {
  let idp: TestIssuer;
  let opened: OpenTokens;

  beforeAll(async () => void (idp = await TestIssuer.start()));
  afterAll(() => idp.close());
  afterEach(() => opened.close());

  async function principalOf(settings: object, claims: object) {
    opened = await openTokens();
    const tenant = await opened.tenant('acme');
    await opened.registry.put({ tenant, id: 'idp', actor: CLI }, { issuer: idp.issuer, ...settings });
    return (await opened.verifier.verify(await idp.mint({ claims: { aud: ACME_MCP, ...claims } }), {}))!.principal;
  }

  it.each([
    [{}, ['mcp']],
    [{ scope: 'openid' }, []],
    [{ scope: '' }, []],
    [{ scope: 'manage openid mcp' }, ['mcp', 'manage']],
    [{ scp: ['mcp'] }, ['mcp']],
    [{ scp: 'manage' }, ['manage']],
    [{ scope: 'MCP mcp2 xmcp' }, []],
  ])('of %j are %j', async (claims, scopes) => {
    expect((await principalOf({}, claims)).scopes).toEqual(scopes);
  });

  const map = { staff: 'developer', boss: 'admin' };
  it.each([
    [{ roles_claim: 'groups' }, { groups: ['staff', 'nobody'] }, ['developer']],
    [{ roles_claim: 'groups' }, { groups: 'boss' }, ['admin']],
    [{ roles_claim: 'realm.roles' }, { realm: { roles: ['staff'] } }, ['developer']],
    [{ roles_claim: 'https://x.example/roles' }, { 'https://x.example/roles': ['staff'] }, ['developer']],
    [{ roles_claim: 'groups' }, { groups: ['constructor', '__proto__', 'operator', 'admin'] }, []],
    [{ roles_claim: 'constructor.name' }, {}, []],
    [{ default_roles: ['caller'] }, { roles: ['boss'] }, ['caller']],
  ])('with %j of %j are %j', async (settings, claims, roles) => {
    expect((await principalOf({ role_map: map, ...settings }, claims)).roles).toEqual(roles);
  });

  it('of the issuer of the environment may have names of its own', async () => {
    const settings = {
      issuer: idp.issuer,
      kind: 'jwt' as const,
      audiences: [],
      algorithms: ['ES256'],
      role_map: {},
      default_roles: ['caller'],
    };
    const configUrl = `${idp.origin}/.well-known/openid-configuration`;
    opened = await openTokens({ issuer: settings, configUrl, mcpScopes: ['user', 'tools'] });
    const scopesOf = async (scope: string) =>
      (await opened.verifier.verify(await idp.mint({ claims: { aud: `${PUBLIC_URL}/mcp`, scope } }), {}))!.principal
        .scopes;
    expect(await scopesOf('user tools')).toEqual(['mcp']);
    expect(await scopesOf('user')).toEqual([]);
  });
});
