import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock, ComposerError, principalId } from '#kernel';
import { SecretValues } from '#observability';
import { ChangeFeed, Sealer } from '#persistence';
import { openMemorySealer } from '#persistence/testing';
import { DEFAULT_TENANT, SCOPES } from '#tenancy';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { eventOf } from '../../testing/access-stores.js';
import { type MemoryIdentity, openMemoryIdentity } from '../../testing/memory-identity.js';
import { AccessGuard } from '../edge/access.guard.js';
import { hostAuthority } from '../authority.js';
import { CallerIdentity } from '../identity/caller-identity.js';
import { ApiKeyAdministration } from '../keys/api-key-administration.js';
import { newApiKeyId } from '../keys/api-key-text.js';
import { ApiKeyStore } from '../keys/api-key.store.js';
import { RequestLimits } from '../limits/request-limits.js';
import { PrincipalAdministration } from '../principals/principal-administration.js';
import { PrincipalStore } from '../principals/principal.store.js';
import { RoleAdministration } from '../roles/role-administration.js';
import { RoleStore } from '../roles/role.store.js';
import { TenantAdministration } from '../tenants/tenant-administration.js';
import { TenantStore } from '../tenants/tenant.store.js';
import { ApiKeysController } from './api-keys.controller.js';
import { PrincipalsController } from './principals.controller.js';
import { RolesController } from './roles.controller.js';
import { TenantsController } from './tenants.controller.js';

@Catch()
class ErrorFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const { code, status, message, faults } =
      error instanceof ComposerError ? error : { code: String(error), status: 500, message: '', faults: [] };
    const reply = host.switchToHttp().getResponse<{ status(s: number): { send(b: object): void } }>();
    reply.status(status).send({ code, message, faults });
  }
}

describe('the API of who may call', () => {
  let app: NestFastifyApplication;
  let open: MemoryIdentity;
  /** Keys of the own tenant by role, and the operator's. */
  let keys: Record<'operator' | 'admin' | 'developer' | 'caller' | 'stranger', string>;

  beforeEach(async () => {
    open = await openMemoryIdentity();
    const { stores } = open;
    const module = await Test.createTestingModule({
      controllers: [TenantsController, PrincipalsController, ApiKeysController, RolesController],
      providers: [
        Clock,
        SecretValues,
        TenantAdministration,
        PrincipalAdministration,
        RoleAdministration,
        ApiKeyAdministration,
        { provide: TenantStore, useValue: stores.tenants },
        { provide: PrincipalStore, useValue: stores.principals },
        { provide: RoleStore, useValue: stores.roles },
        { provide: ApiKeyStore, useValue: stores.keys },
        { provide: ChangeFeed, useValue: stores.trail.feed },
        { provide: Sealer, useValue: await openMemorySealer() },
        { provide: CallerIdentity, useValue: open.identity },
        { provide: RequestLimits, useValue: { refusalOf: () => undefined } },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useClass: ErrorFilter },
      ],
    }).compile();
    const adapter = new FastifyAdapter({ routerOptions: { maxParamLength: 4096 } });
    app = await module.createNestApplication<NestFastifyApplication>(adapter, { logger: false }).init();
    const issue = async (role: string, tenant = stores.own) =>
      (await module.get(ApiKeyAdministration).issue(hostAuthority(tenant), { role })).text;
    keys = {
      operator: await issue('operator', DEFAULT_TENANT),
      admin: await issue('admin'),
      developer: await issue('developer'),
      caller: await issue('caller'),
      stranger: await issue('admin', stores.foreign),
    };
  });
  afterEach(() => app.close());

  async function ask(as: string, request: string, payload?: object) {
    const [method = 'GET', url = ''] = request.split(' ');
    const headers = { authorization: `Bearer ${keys[as as keyof typeof keys] ?? as}` };
    const answer = await app.inject({
      method: method as 'GET',
      url: `/api/v1/${url}`,
      headers,
      ...(payload ? { payload } : {}),
    });
    return { status: answer.statusCode, headers: answer.headers, text: answer.body, body: jsonOf(answer.body) };
  }
  const trail = () => open.stores.trail.events.map(({ event }) => event);

  describe('of keys', () => {
    it('shows a key once, and it works until it is revoked', async () => {
      const made = await ask('admin', 'POST api-keys', { role: 'caller', name: 'ci', expires: '90d' });
      expect(made).toMatchObject({ status: 201, body: { key: expect.stringMatching(/^mcpc_/), scopes: ['mcp'] } });
      expect(made.headers['cache-control']).toBe('no-store');
      const { key, id, ...rest } = made.body;
      const listed = await ask('admin', 'GET api-keys');
      expect(listed.body.items[0]).toEqual({ id, ...rest });
      expect(listed.text).not.toContain(key.slice(-43));
      expect((await ask(key, 'GET roles')).status).toBe(403); // let in, and only a caller
      expect((await ask('admin', `DELETE api-keys/${id}`)).status).toBe(204);
      expect((await ask(key, 'GET roles')).status).toBe(401);
      expect((await ask('admin', 'GET api-keys')).body.items[0]).toMatchObject({ id, revoked_at: expect.any(String) });
      expect(JSON.stringify(trail())).not.toContain(key.slice(-43));
    });

    it('makes one service account for a name, and gives it no second role in passing', async () => {
      const [first, second] = [
        await ask('admin', 'POST api-keys', { role: 'caller', name: 'ci' }),
        await ask('admin', 'POST api-keys', { role: 'caller', name: 'ci' }),
      ];
      expect(second.body.principal).toBe(first.body.principal);
      const third = await ask('admin', 'POST api-keys', { role: 'admin', name: 'ci' });
      expect(third).toMatchObject({ status: 409, body: { code: 'COMPOSER_PRINCIPAL_UNFIT' } });
    });

    it('belong to programs: a person, a disabled account and an unknown one get none', async () => {
      const { principals, own } = open.stores;
      const ada = { tenantId: own, id: principalId('ada'), kind: 'user', name: 'Ada', roles: [] } as const;
      await principals.insert(ada, eventOf('x.y'));
      expect((await ask('admin', 'POST api-keys', { principal: 'ada' })).body.code).toBe('COMPOSER_PRINCIPAL_UNFIT');
      const { body } = await ask('admin', 'POST principals', { name: 'bot', roles: ['caller'] });
      await ask('admin', `PATCH principals/${body.id}`, { disabled: true });
      expect((await ask('admin', 'POST api-keys', { principal: body.id })).body.code).toBe('COMPOSER_PRINCIPAL_UNFIT');
      expect((await ask('admin', 'POST api-keys', { principal: 'nobody' })).status).toBe(404);
    });

    it.each([
      [{}, /either role or principal/],
      [{ role: 'caller', principal: 'x' }, /either role or principal/],
      [{ role: 'caller', scopes: ['everything'] }, /either role or principal/],
      [{ role: 'caller', expires: 'never' }, /expires: must be a number of minutes, hours or days/],
      [{ role: 'nobody-made' }, /roles\.0: is no role of this tenant/],
    ])('refuses %j', async (body, message) => {
      const answer = await ask('admin', 'POST api-keys', body);
      expect(answer).toMatchObject({ status: 422, body: { code: 'COMPOSER_INPUT_INVALID' } });
      expect(answer.body.message).toMatch(message);
    });
  });

  it('lets nobody give what is not theirs', async () => {
    const { principals, own } = open.stores;
    const boss = {
      tenantId: own,
      id: principalId('boss'),
      kind: 'service',
      name: 'boss',
      roles: ['operator'],
    } as const;
    await principals.insert(boss, eventOf('x.y'));
    const id = newApiKeyId(own);
    const key = { tenantId: own, id, principalId: boss.id, name: 'boss', hash: Buffer.alloc(32), scopes: SCOPES };
    await open.stores.keys.insert(key, eventOf('x.y'));
    const { body: bot } = await ask('admin', 'POST principals', { name: 'bot', roles: ['admin'] });
    const before = trail().length;
    const attempts: [string, string, object?][] = [
      ['admin', 'POST api-keys', { role: 'operator' }],
      ['admin', 'POST api-keys', { principal: 'boss' }],
      ['admin', 'POST principals', { name: 'new', roles: ['caller', 'operator'] }],
      ['admin', `PATCH principals/${bot.id}`, { roles: ['operator'] }],
      ['admin', 'PATCH principals/boss', { roles: [] }],
      ['admin', 'PATCH principals/boss', { disabled: true }],
      ['admin', 'DELETE principals/boss'],
      ['admin', `DELETE api-keys/${id}`],
    ];
    for (const [as, request, body] of attempts) {
      expect([request, (await ask(as, request, body)).body.code]).toEqual([request, 'COMPOSER_GRANT_FORBIDDEN']);
    }
    expect(trail().length).toBe(before);
    expect((await ask('operator', 'POST api-keys', { role: 'operator', name: 'second' })).status).toBe(201);

    const narrow = (await ask('admin', 'POST api-keys', { role: 'admin', name: 'narrow', scopes: ['manage'] })).body
      .key;
    const wider = await ask(narrow, 'POST api-keys', { role: 'caller', name: 'wider' });
    expect(wider).toMatchObject({ status: 403, body: { code: 'COMPOSER_GRANT_FORBIDDEN' } });
  });

  it('is for administrators; developers read roles, and tenants are the operator’s', async () => {
    const routes = [
      'GET principals',
      'GET principals/x',
      'POST principals',
      'PATCH principals/x',
      'DELETE principals/x',
      'GET api-keys',
      'POST api-keys',
      'DELETE api-keys/x',
      'PUT roles/x',
      'DELETE roles/x',
    ];
    const tenants = ['GET tenants', 'GET tenants/x', 'POST tenants', 'PATCH tenants/x', 'DELETE tenants/x'];
    const refused = async (as: string, request: string) =>
      expect([as, request, (await ask(as, request)).body.code]).toEqual([as, request, 'COMPOSER_FORBIDDEN']);
    for (const request of routes) for (const as of ['developer', 'caller']) await refused(as, request);
    for (const request of tenants) for (const as of ['admin', 'developer', 'caller']) await refused(as, request);
    await refused('caller', 'GET roles');
    expect((await ask('developer', 'GET roles')).status).toBe(200);
  });

  it('answers a foreign id as it answers an unknown one, and does nothing', async () => {
    const made = await ask('stranger', 'POST api-keys', { role: 'caller', name: 'theirs' });
    await ask('stranger', 'PUT roles/theirs', { permissions: { tools: ['*'] } });
    const before = trail().length;
    const ids: Record<string, string[]> = {
      'api-keys': [made.body.id, made.body.id.slice(0, -1) + 'a', 'x', '%00', 'x'.repeat(500)],
      principals: [made.body.principal, 'svc-unknown', '%00', '%F0%9F%98%80', 'x'.repeat(500)],
      roles: ['theirs', 'unknown', '%00', 'a%20b', 'x'.repeat(500)],
    };
    for (const [route, foreign] of Object.entries(ids)) {
      const methods = { 'api-keys': ['DELETE'], principals: ['GET', 'PATCH', 'DELETE'], roles: ['GET', 'DELETE'] };
      const texts = new Set<string>();
      for (const method of methods[route as keyof typeof methods]) {
        for (const id of foreign) {
          const answer = await ask('admin', `${method} ${route}/${id}`, method === 'PATCH' ? {} : undefined);
          expect([route, method, id, answer.status]).toEqual([route, method, id, 404]);
          texts.add(answer.text);
        }
      }
      expect([route, texts.size]).toEqual([route, 1]);
    }
    expect(trail().length).toBe(before);
    expect((await ask('stranger', 'GET roles/theirs')).status).toBe(200);
  });

  describe('of principals', () => {
    it('lists them page by page', async () => {
      for (let n = 0; n < 5; n++) await ask('admin', 'POST principals', { name: `bot ${n}` });
      const ids: string[] = [];
      let path = 'GET principals?limit=3';
      for (;;) {
        const { body } = await ask('admin', path);
        ids.push(...body.items.map(({ id }: { id: string }) => id));
        if (body.next === undefined) break;
        path = `GET principals?limit=3&after=${body.next}`;
      }
      expect(ids).toHaveLength(8);
      expect([...new Set(ids)].sort()).toEqual(ids);
      expect((await ask('admin', 'GET principals?limit=0')).status).toBe(422);
    });

    it('changes what is named, lets nobody disabled in, and records before and after', async () => {
      const made = (await ask('admin', 'POST api-keys', { role: 'admin', name: 'bot' })).body;
      const path = `principals/${made.principal}`;
      expect((await ask(made.key, 'GET roles')).status).toBe(200);
      const changed = await ask('admin', `PATCH ${path}`, { roles: ['developer'] });
      expect(changed.body).toMatchObject({ name: 'bot', roles: ['developer'], disabled: false, version: 2 });
      expect((await ask(made.key, 'GET principals')).status).toBe(403);
      await ask('admin', `PATCH ${path}`, { disabled: true });
      expect((await ask(made.key, 'GET roles')).status).toBe(401);
      await ask('admin', `PATCH ${path}`, { disabled: false });
      expect((await ask(made.key, 'GET roles')).status).toBe(200);
      expect(trail().at(-2)).toMatchObject({
        action: 'principal.updated',
        actor: { kind: 'principal', credential: keys.admin.slice(5, 41) },
        target: `principal:${made.principal}`,
        before: { disabled: false },
        after: { disabled: true },
      });
      expect((await ask('admin', 'POST principals', { name: 'bot' })).status).toBe(409);
      expect((await ask('admin', `DELETE ${path}`)).status).toBe(204);
      expect((await ask(made.key, 'GET roles')).status).toBe(401);
    });

    it.each([
      [{ name: '' }, 'name'],
      [{ name: 'x', admin: true }, 'admin'],
      [{ name: 'a\nb' }, 'name'],
      [{ name: 'x', roles: ['no such role'] }, 'roles.0'],
    ])('refuses %j and says where', async (body, path) => {
      const answer = await ask('admin', 'POST principals', body);
      expect(answer).toMatchObject({ status: 422, body: { faults: [{ path }] } });
    });
  });

  describe('of roles', () => {
    it('makes, replaces, lists and deletes those of the tenant', async () => {
      const wanted = { description: 'Sales', permissions: { tools: ['crm_*'], servers: ['shop'] } };
      const made = await ask('admin', 'PUT roles/sales', wanted);
      const permissions = { tools: ['crm_*'], servers: ['shop'], virtual_servers: [] };
      expect(made.body).toEqual({ name: 'sales', description: 'Sales', permissions, version: 1, built_in: false });
      expect((await ask('admin', 'PUT roles/sales', { permissions: {} })).body).toMatchObject({
        version: 2,
        permissions: { tools: [], servers: [], virtual_servers: [] },
      });
      const names = (await ask('developer', 'GET roles')).body.items.map(({ name }: { name: string }) => name);
      expect(names).toEqual(['operator', 'admin', 'developer', 'caller', 'sales']);
      expect((await ask('admin', 'DELETE roles/sales')).status).toBe(204);
      expect((await ask('admin', 'GET roles/sales')).status).toBe(404);
    });

    it('leaves the built-in ones alone, however they are written', async () => {
      for (const name of ['admin', 'Admin', 'OPERATOR', 'caller']) {
        const put = await ask('admin', `PUT roles/${name}`, { permissions: {} });
        expect([name, put.body.code]).toEqual([name, 'COMPOSER_ROLE_BUILT_IN']);
        expect((await ask('admin', `DELETE roles/${name}`)).body.code).toBe('COMPOSER_ROLE_BUILT_IN');
      }
      expect((await ask('developer', 'GET roles/admin')).body).toMatchObject({ name: 'admin', built_in: true });
    });
  });

  describe('of tenants', () => {
    it('makes, changes, suspends and deletes one', async () => {
      const slug = `t-${randomUUID()}`;
      expect((await ask('operator', 'POST tenants', { slug, name: 'Acme' })).body).toMatchObject({ slug, version: 1 });
      expect((await ask('operator', 'POST tenants', { slug })).status).toBe(409);
      const limits = { requests_per_second: 5, burst: 10, concurrent_calls: 2 };
      const changed = await ask('operator', `PATCH tenants/${slug}`, { limits, audit_mode: 'strict', suspended: true });
      expect(changed.body).toMatchObject({ name: 'Acme', limits, audit_mode: 'strict', suspended: true, version: 2 });
      const resumed = await ask('operator', `PATCH tenants/${slug}`, { suspended: false });
      expect(resumed.body).toMatchObject({ limits, suspended: false });
      expect(resumed.body).not.toHaveProperty('suspended_at');
      expect((await ask('operator', `DELETE tenants/${slug}`)).status).toBe(204);
      expect((await ask('operator', `GET tenants/${slug}`)).status).toBe(404);
      expect((await ask('operator', `DELETE tenants/${slug}`)).status).toBe(404);
      // Shut out before it goes.
      const actions = trail().slice(-2).map(({ action, after }) => [action, after?.['suspended']]); // prettier-ignore
      expect(actions).toEqual([['tenant.updated', true], ['tenant.deleted', undefined]]); // prettier-ignore
    });

    it('lets nobody of a tenant in that is suspended or gone', async () => {
      const { slug } = (await open.stores.tenants.find(open.stores.own))!;
      await ask('operator', `PATCH tenants/${slug}`, { suspended: true });
      expect((await ask('admin', 'GET roles')).status).toBe(401);
      await ask('operator', `PATCH tenants/${slug}`, { suspended: false });
      expect((await ask('admin', 'GET roles')).status).toBe(200);
      await ask('operator', `DELETE tenants/${slug}`);
      expect((await ask('admin', 'GET roles')).status).toBe(401);
      expect((await ask('stranger', 'GET roles')).status).toBe(200);
    });

    it('keeps the default one, and lets it work', async () => {
      expect((await ask('operator', 'DELETE tenants/default')).body.code).toBe('COMPOSER_TENANT_DEFAULT');
      const suspended = await ask('operator', 'PATCH tenants/default', { suspended: true });
      expect(suspended.body.code).toBe('COMPOSER_TENANT_DEFAULT');
      expect((await ask('operator', 'PATCH tenants/default', { name: 'Ours' })).body.name).toBe('Ours');
    });

    it.each(['', '-a', 'a-', 'A', 'a b', 'a_b', 'x'.repeat(64)])('refuses the slug %j', async (slug) => {
      expect((await ask('operator', 'POST tenants', { slug })).status).toBe(422);
    });
  });
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the tests read into it without declaring every shape
function jsonOf(text: string): any {
  return text === '' ? undefined : JSON.parse(text);
}
