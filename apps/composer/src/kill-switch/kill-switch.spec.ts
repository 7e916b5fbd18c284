import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { ApiKeyStore, IssuerStore, PrincipalStore, TenantStore } from '#access';
import { setEnvironment } from '#config';
import { type ComposerError, type PrincipalId, type TenantId, principalId, serverId, tenantId } from '#kernel';
import { ChangeFeed, Database } from '#persistence';
import { type OpenDatabase, openPostgresDatabase, randomKeys } from '#persistence/testing';
import { ServerRegistry } from '#registry';
import { CLI, DEFAULT_TENANT } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { TokenKeeper } from '#token-store';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { KillSwitch } from './kill-switch.js';
import { KillSwitchModule } from './kill-switch.module.js';
import { NoMembers } from './no-members.js';
import { reportBody, reportText } from './report-body.js';
import { isConfirmed } from './revocation.js';
import { RevocationTargets } from './revocation-targets.js';

const ISSUER = 'https://idp.example/realm';
const EVENT = { action: 'test.prepared', actor: CLI };
const SETTINGS = {
  issuer: ISSUER,
  kind: 'jwt',
  audiences: [],
  algorithms: ['ES256'],
  role_map: {},
  default_roles: [],
} as const;

describe('the kill switch', () => {
  let db: OpenDatabase;
  let app: INestApplicationContext;
  let acme: TenantId;
  let globex: TenantId;

  beforeAll(async () => {
    db = await openPostgresDatabase();
    const { url, migrationUrl } = db.config as { url: string; migrationUrl: string };
    setEnvironment({
      DATABASE_TYPE: 'postgres',
      DATABASE_URL: url,
      MIGRATION_DATABASE_URL: migrationUrl,
      COMPOSER_KEYS: randomKeys('kek_1'),
      LOG_LEVEL: 'fatal',
    });
    app = await NestFactory.createApplicationContext(KillSwitchModule, { logger: false, abortOnError: false });
    app.get(ServerRegistry, { strict: false }).useGate(new NoMembers());
  });
  beforeEach(async () => {
    [acme, globex] = await Promise.all([tenant('acme'), tenant('globex')]);
  });
  afterAll(async () => {
    setEnvironment(undefined);
    await app?.close();
    await db?.close();
  });

  const of = <T>(token: abstract new (...args: never[]) => T): T => app.get(token, { strict: false });
  const revoke = (target: Parameters<KillSwitch['revoke']>[0]) => app.get(KillSwitch).revoke(target, CLI);
  const slugOf = (id: TenantId) => `t-${id}`;
  const tenant = async (name: string): Promise<TenantId> => {
    const id = tenantId(randomUUID());
    await of(TenantStore).insert({ id, slug: slugOf(id), name }, EVENT);
    return id;
  };
  const principal = async (at: TenantId, more: object = {}): Promise<PrincipalId> => {
    const id = principalId(randomUUID());
    await of(PrincipalStore).insert({ tenantId: at, id, kind: 'service', name: id, roles: ['caller'], ...more }, EVENT);
    return id;
  };
  const key = async (at: TenantId, owner: PrincipalId): Promise<string> => {
    const id = randomUUID();
    const draft = { tenantId: at, id, principalId: owner, name: id, hash: Buffer.alloc(32), scopes: ['mcp'] as const };
    await of(ApiKeyStore).insert(draft, EVENT);
    return id;
  };
  const server = async (at: TenantId, id = 'crm') => {
    const config = {
      id,
      type: 'http',
      endpoint: 'https://crm.example/mcp',
      auth_strategy: 'bearer',
      auth: { token: 'x' },
    };
    await of(ServerRegistry).register(at, config, { by: CLI });
    return { tenantId: at, serverId: serverId(id) };
  };
  const issuer = (at: TenantId) =>
    of(IssuerStore).write({ tenantId: at, id: 'idp', settings: SETTINGS, version: 1 }, EVENT);
  const trail = async (at: TenantId) => {
    const rows = await of(Database).inTenant(at, (tx) =>
      tx.query<{ body: string }>('SELECT body FROM audit_events ORDER BY seq'),
    );
    return rows.map(({ body }) => JSON.parse(body) as { action: string; target: string; detail?: object });
  };

  it('suspends a tenant, tells which credentials stay valid elsewhere, and says on a second use that it was so', async () => {
    await server(acme);
    const report = await revoke({ kind: 'tenant', tenantId: acme });
    expect(report.stopped).toEqual([{ kind: 'tenant', tenantId: acme, id: acme, isOld: false }]);
    expect(report.remaining.map(({ kind, id }) => [kind, id])).toEqual([
      ['member_credential', 'crm'],
      ['calls_under_way', undefined],
    ]);
    expect(isConfirmed(report)).toBe(true);
    const stored = await of(TenantStore).find(acme);
    expect(stored?.suspendedAt).toBeInstanceOf(Date);
    expect((await of(TenantStore).find(globex))?.suspendedAt).toBeUndefined();
    const again = await revoke({ kind: 'tenant', tenantId: acme });
    expect(again.stopped).toMatchObject([{ isOld: true }]);
    expect(await of(TenantStore).find(acme)).toEqual(stored);
    expect((await trail(DEFAULT_TENANT)).filter(({ target }) => target === `tenant:${acme}`)).toMatchObject([
      { action: 'tenant.suspended', detail: { kill_switch: true } },
    ]);
    expect((await trail(acme)).filter(({ action }) => action === 'kill_switch.used')).toHaveLength(2);
  });

  it('disables a principal, makes its tokens void and revokes its keys, and no other one’s', async () => {
    const [mallory, alice] = await Promise.all([
      principal(acme, { identity: { issuer: ISSUER, subject: 'mallory' } }),
      principal(acme),
    ]);
    const keys = [await key(acme, mallory), await key(acme, mallory)];
    const other = await key(acme, alice);
    const report = await revoke({ kind: 'principal', tenantId: acme, id: mallory });
    expect(report.stopped.map(({ kind, id }) => `${kind} ${id}`).sort()).toEqual(
      [`principal ${mallory}`, ...keys.map((id) => `api_key ${id}`)].sort(),
    );
    expect(report.remaining).toMatchObject([{ kind: 'issuer_tokens', id: ISSUER }, { kind: 'calls_under_way' }]);
    const stored = await of(PrincipalStore).find(acme, mallory);
    expect([stored?.disabledAt, stored?.validAfter]).toEqual([expect.any(Date), expect.any(Date)]);
    for (const id of keys) expect((await of(ApiKeyStore).find(acme, id))?.revokedAt).toBeInstanceOf(Date);
    expect((await of(ApiKeyStore).find(acme, other))?.revokedAt).toBeUndefined();
    expect((await of(PrincipalStore).find(acme, alice))?.disabledAt).toBeUndefined();
    expect((await trail(acme)).map(({ action }) => action).slice(-4)).toEqual([
      'principal.disabled',
      'api_key.revoked',
      'api_key.revoked',
      'kill_switch.used',
    ]);
  });

  it('deactivates a server without a process that serves it, and keeps its sealed credential', async () => {
    const ref = await server(acme);
    const other = await server(globex);
    const report = await revoke({ kind: 'server', tenantId: acme, id: ref.serverId });
    expect(report.stopped).toEqual([{ kind: 'server', tenantId: acme, id: 'crm', isOld: false }]);
    expect(report.remaining[0]?.text).toContain('bearer');
    expect((await of(ServerRegistry).get(ref)).config).toMatchObject({
      status: 'deactivated',
      auth: { token: { set: true } },
    });
    expect((await of(ServerRegistry).get(other)).config['status']).toBe('active');
    expect((await revoke({ kind: 'server', tenantId: acme, id: ref.serverId })).stopped).toMatchObject([
      { isOld: true },
    ]);
  });

  it('trusts an issuer no more, everywhere or in one tenant, and makes void what its people hold', async () => {
    await Promise.all([issuer(acme), issuer(globex)]);
    const people = await Promise.all(
      [acme, globex].map((at) => principal(at, { kind: 'user', identity: { issuer: ISSUER, subject: 's' } })),
    );
    const robot = await principal(acme);
    const disabled = async (at: TenantId) => (await of(IssuerStore).find(at, 'idp'))?.disabledAt !== undefined;
    const validAfter = async (at: TenantId, id: PrincipalId) => (await of(PrincipalStore).find(at, id))?.validAfter;

    const one = await revoke({ kind: 'issuer', issuer: ISSUER, tenantId: acme });
    expect(one.stopped.map(({ kind, tenantId: at }) => [kind, at])).toEqual([
      ['issuer', acme],
      ['tokens', acme],
    ]);
    expect([await disabled(acme), await disabled(globex)]).toEqual([true, false]);
    expect(await validAfter(acme, people[0]!)).toBeInstanceOf(Date);
    expect(await validAfter(acme, robot)).toBeUndefined();
    expect(await validAfter(globex, people[1]!)).toBeUndefined();

    const all = await revoke({ kind: 'issuer', issuer: ISSUER });
    expect(all.stopped.filter(({ kind }) => kind === 'issuer')).toHaveLength(2);
    expect(await disabled(globex)).toBe(true);
    expect(await validAfter(globex, people[1]!)).toBeInstanceOf(Date);
    expect(all.remaining).toContainEqual(expect.objectContaining({ kind: 'issuer_tokens', id: ISSUER }));
  });

  it('changes nothing where there is nothing of the name', async () => {
    const nobody = tenantId(randomUUID());
    await expect(revoke({ kind: 'tenant', tenantId: nobody })).rejects.toMatchObject({
      code: 'COMPOSER_TENANT_UNKNOWN',
    });
    await expect(revoke({ kind: 'server', tenantId: acme, id: serverId('none') })).rejects.toMatchObject({
      code: 'COMPOSER_SERVER_UNKNOWN',
    });
    await expect(revoke({ kind: 'principal', tenantId: acme, id: principalId('none') })).rejects.toMatchObject({
      code: 'COMPOSER_PRINCIPAL_UNKNOWN',
    });
    await expect(revoke({ kind: 'issuer', tenantId: acme, issuer: ISSUER })).rejects.toMatchObject({
      code: 'COMPOSER_ISSUER_UNKNOWN',
    });
    expect(await trail(acme)).toEqual([]);
  });

  it('prevails over others who change the same thing at the same time', async () => {
    const tenants = of(TenantStore);
    const rename = async (n: number): Promise<void> => {
      const now = (await tenants.find(acme))!;
      await tenants.replace({ ...now, name: `n${n}`, version: now.version + 1 }, EVENT).catch(() => undefined);
    };
    await Promise.all([revoke({ kind: 'tenant', tenantId: acme }), ...Array.from({ length: 8 }, (_, n) => rename(n))]);
    expect((await tenants.find(acme))?.suspendedAt).toBeInstanceOf(Date);
  });

  it('names who has not confirmed, and says so when nobody could be asked', async () => {
    const lost = randomUUID();
    const database = of(Database);
    await database.asOperator((tx) =>
      tx.execute(`INSERT INTO replicas VALUES ($1, 'lost:1', now() - interval '20 s', now() - interval '20 s')`, [
        lost,
      ]),
    );
    const report = await revoke({ kind: 'tenant', tenantId: acme });
    await database.asOperator((tx) => tx.execute('DELETE FROM replicas WHERE id = $1', [lost]));
    expect(isConfirmed(report)).toBe(false);
    expect(reportText(report)).toMatch(/^NOT CONFIRMED by lost:1, silent for 2\d s/m);
    expect(reportBody(report)).toMatchObject({ confirmed: false, not_confirmed: [{ name: 'lost:1' }] });

    const settled = jest.spyOn(of(ChangeFeed), 'settled').mockRejectedValueOnce(new Error('the database is away'));
    const blind = await revoke({ kind: 'tenant', tenantId: globex });
    settled.mockRestore();
    expect(isConfirmed(blind)).toBe(false);
    expect(reportText(blind)).toContain('NOT CONFIRMED: the other processes could not be asked: the database is away');
    expect((await of(TenantStore).find(globex))?.suspendedAt).toBeInstanceOf(Date);
  });

  it('asks once more when credentials were withdrawn, so that what it says of them is true everywhere', async () => {
    const ref = await server(acme);
    const keeper = of(TokenKeeper);
    const credential = { ...ref, kind: 'token', issuer: ISSUER, fingerprint: 'f' } as const;
    await keeper.put(credential, { accessToken: 'a' }, CLI);
    const left: number[] = [];
    const settled = jest.spyOn(of(ChangeFeed), 'settled').mockImplementation(async () => {
      left.push((await keeper.standings(ref)).length);
      return left.length === 1 ? [] : [{ id: 'late', name: 'late:1', silentMs: 0 }];
    });
    const report = await revoke({ kind: 'tenant', tenantId: acme });
    settled.mockRestore();
    expect(left).toEqual([1, 0]);
    expect(report.notConfirmed).toMatchObject([{ name: 'late:1' }]);
    expect(isConfirmed(report)).toBe(false);
  });

  it('withdraws what an issuer has given for members, also where nobody signs in with it', async () => {
    const ref = await server(acme);
    const keeper = of(TokenKeeper);
    const issuer = 'https://members.example';
    const credential = { ...ref, kind: 'token', issuer: `${issuer}/token`, fingerprint: 'f' } as const;
    await keeper.put(credential, { accessToken: 'a' }, CLI);
    const report = await revoke({ kind: 'issuer', issuer });
    expect(report.remaining).toMatchObject([
      { kind: 'member_credential', id: ref.serverId },
      { kind: 'calls_under_way' },
    ]);
    expect(await keeper.standings(ref)).toEqual([]);
    await expect(revoke({ kind: 'issuer', issuer })).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNKNOWN' });
  });

  describe('asked for over the network', () => {
    const admin = () => principalOf('ada', { tenantId: acme, roles: ['admin'] });
    const operator = () => principalOf('root', { tenantId: DEFAULT_TENANT, roles: ['operator'] });
    const targetOf = (request: object, by?: ReturnType<typeof admin>) =>
      app.get(RevocationTargets).targetOf(request, by);

    it('gives an operator every tenant, and an administrator what is in the own one', async () => {
      expect(await targetOf({ tenant: slugOf(globex) }, operator())).toEqual({ kind: 'tenant', tenantId: globex });
      expect(await targetOf({ issuer: ISSUER }, operator())).toEqual({ kind: 'issuer', issuer: ISSUER });
      for (const where of [{}, { tenant: slugOf(acme) }]) {
        expect(await targetOf({ server: 'crm', ...where }, admin())).toEqual({
          kind: 'server',
          tenantId: acme,
          id: 'crm',
        });
        expect(await targetOf({ principal: 'p', ...where }, admin())).toMatchObject({
          kind: 'principal',
          tenantId: acme,
        });
        expect(await targetOf({ issuer: ISSUER, ...where }, admin())).toMatchObject({ kind: 'issuer', tenantId: acme });
      }
    });

    it('tells an administrator of another tenant the same as of none', async () => {
      const errors = await Promise.all(
        [slugOf(globex), 'there-is-none'].flatMap((slug) =>
          [{}, { server: 'crm' }, { principal: 'p' }, { issuer: ISSUER }].map((more) =>
            targetOf({ tenant: slug, ...more }, admin()).catch((error: ComposerError) => ({
              code: error.code,
              message: error.message,
            })),
          ),
        ),
      );
      expect(new Set(errors.map((error) => JSON.stringify(error))).size).toBe(1);
      expect(errors[0]).toMatchObject({ code: 'COMPOSER_TENANT_UNKNOWN' });
    });

    it('refuses an administrator the own tenant as a whole, and operators', async () => {
      const chief = await principal(acme, { roles: ['operator'] });
      await expect(targetOf({ tenant: slugOf(acme) }, admin())).rejects.toMatchObject({ status: 403 });
      await expect(targetOf({ principal: chief }, admin())).rejects.toMatchObject({ status: 403 });
      expect(await targetOf({ principal: chief, tenant: slugOf(acme) }, operator())).toMatchObject({ id: chief });
    });

    it.each([
      [{}],
      [{ server: 'a', principal: 'b' }],
      [{ tenant: 'x', server: 'a', issuer: 'b' }],
      [{ server: 7 }],
      [{ everything: true }],
      [{ tenant: '\0' }],
      [{ principal: '\0' }],
      [{ issuer: 'https://idp.example/\0' }],
      [{ issuer: 'x'.repeat(2_049) }],
    ])('refuses %j', async (request) => {
      await expect(targetOf(request, operator())).rejects.toMatchObject({
        code: 'COMPOSER_REVOCATION_TARGET',
        status: 422,
      });
    });
  });
});
