import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../fixtures/eventually.js';
import { type McpMember, startModernMember } from '../fixtures/mcp-members.js';
import { TenantClient, commandLine, commandLines, hostedEnv, keyCommand } from '../fixtures/tenant-client.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const OPEN = ['count', 'echo', 'wait'];
const full = (...names: readonly string[]) => names.map((name) => `crm_${name}`).sort();

let database: TwoRoles;
let env: Record<string, string>;
let member: McpMember;
let composer: ComposerProcess;
/** The administrators of two tenants. */
let [acme, globex]: TenantClient[] = [];

async function clientOf(tenant: string, role: string, name = role): Promise<TenantClient> {
  const { key } = await commandLine(env, 'key', 'create', '--tenant', tenant, '--role', role, '--name', name);
  return new TenantClient(composer, key);
}

/** A service account of the tenant with these roles, and a key of it. */
async function join(admin: TenantClient, roles: readonly string[], scopes?: readonly string[]) {
  const { json: principal } = await admin.api('POST', '/principals', { name: `robot ${++robots}`, roles });
  const wanted = { principal: principal.id, ...(scopes ? { scopes } : {}) };
  const { json: key, status } = await admin.api('POST', '/api-keys', wanted);
  expect({ status, key: key.key }).toEqual({ status: 201, key: expect.stringMatching(/^mcpc_/) });
  return { client: new TenantClient(composer, key.key), id: principal.id as string, keyId: key.id as string };
}
let robots = 0;

const roleOf = (admin: TenantClient, name: string, permissions: object) =>
  admin.api('PUT', `/roles/${name}`, { permissions: { tools: [], servers: [], virtual_servers: [], ...permissions } });

beforeAll(async () => {
  database = await openTwoRoles();
  env = hostedEnv(database.env);
  const tenants = ['acme', 'globex'];
  const made = await commandLines(env, [
    ['migrate'],
    ...tenants.map((tenant) => ['tenant', 'create', tenant]),
    ...tenants.map((tenant) => keyCommand(tenant, 'admin', 'admin')),
  ]);
  member = await startModernMember({ more: ['pay', 'refund'] });
  const limits = { LIMIT_CREDENTIAL_RPS: '200', LIMIT_CREDENTIAL_BURST: '400' };
  composer = await startComposer({ env: { ...env, ...limits } });
  [acme, globex] = made.slice(-2).map(({ key }) => new TenantClient(composer, key));
  for (const admin of [acme!, globex!]) {
    const config = { id: 'crm', type: 'http', endpoint: member.url, tool_permissions: { pay: ['finance'] } };
    expect((await admin.api('POST', '/servers', config)).status).toBe(201);
  }
  const config = { id: 'erp', type: 'http', endpoint: member.url };
  expect((await acme!.api('POST', '/servers', config)).status).toBe(201);
}, 120_000);

afterAll(async () => {
  await composer?.stop();
  await member?.close();
  await database?.remove();
});

describe('roles', () => {
  it('show and open what they may, and answer for the rest as for what does not exist', async () => {
    const { client: caller } = await join(acme!, ['caller']);
    const names = await caller.tools();
    expect(names).toEqual([...full(...OPEN, 'refund'), ...OPEN.map((n) => `erp_${n}`), 'erp_pay', 'erp_refund'].sort());
    expect(await caller.call('crm_echo', { message: 'hello' })).toBe('modern: hello');
    for (const name of ['crm_pay', 'crm_xxx', 'list_servers', 'register_mcp_server']) {
      const { status, text, headers } = await caller.rpc('tools/call', { name, arguments: {} });
      expect([status, headers['www-authenticate']]).toEqual([200, undefined]);
      expect(text).toBe(`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Unknown tool: ${name}"}}`);
    }
  });

  it('of a tenant open what their patterns say, and what names them', async () => {
    await roleOf(acme!, 'finance', {});
    await roleOf(acme!, 'support', { tools: ['crm_e*', '*_pay'] });
    await roleOf(acme!, 'erp-user', { servers: ['e?p'] });
    const [finance, support, erp] = await Promise.all(
      ['finance', 'support', 'erp-user'].map(async (role) => (await join(acme!, [role])).client),
    );
    expect(await finance!.tools()).toEqual(['crm_pay']);
    expect(await finance!.call('crm_pay')).toBe('pay');
    expect(await support!.tools()).toEqual(['crm_echo', 'erp_pay']);
    expect(await erp!.tools()).toEqual(['count', 'echo', 'pay', 'refund', 'wait'].map((name) => `erp_${name}`));
    expect(await erp!.call('crm_echo', { message: 'x' })).toBe('Unknown tool: crm_echo');
  });

  it('change at once, for keys that are in use', async () => {
    await roleOf(acme!, 'moving', { tools: ['crm_echo'] });
    const { client, id } = await join(acme!, ['moving']);
    expect(await client.tools()).toEqual(['crm_echo']);
    await roleOf(acme!, 'moving', { tools: ['erp_echo'] });
    expect(await client.tools()).toEqual(['erp_echo']);
    expect(await client.call('crm_echo', { message: 'x' })).toBe('Unknown tool: crm_echo');
    await acme!.api('PATCH', `/principals/${id}`, { roles: ['finance'] });
    expect(await client.tools()).toEqual(['crm_pay']);
    await acme!.api('PATCH', `/principals/${id}`, { roles: [] });
    expect(await client.tools()).toEqual([]);
  });

  it('of one tenant are nothing in another', async () => {
    await roleOf(globex!, 'support', { tools: ['crm_count'] });
    const { client } = await join(globex!, ['support']);
    expect(await client.tools()).toEqual(['crm_count']);
    for (const name of ['crm_echo', 'erp_pay']) expect(await client.call(name)).toBe(`Unknown tool: ${name}`);
  });
});

describe('scopes', () => {
  it('let a credential without "mcp" do nothing on any MCP address, and say which one is missing', async () => {
    const { client } = await join(acme!, ['admin'], ['manage']);
    for (const path of ['/mcp', '/mcp/crm', '/mcp/nothing']) {
      const { status, json, headers } = await client.rpc('tools/list', {}, path);
      expect({ status, code: json.error.data.code }).toEqual({ status: 403, code: 'COMPOSER_SCOPE_INSUFFICIENT' });
      expect(headers['www-authenticate']).toMatch(/^Bearer .*error="insufficient_scope".*scope="mcp"/);
    }
    expect((await client.api('GET', '/servers')).status).toBe(200);
  });

  it('hide the management tools from an administrator’s credential without "manage", and ask for it', async () => {
    const { client } = await join(acme!, ['admin'], ['mcp']);
    const names = await client.tools();
    expect(names).toContain('crm_pay');
    expect(names).not.toContain('list_servers');
    const answers = [await client.rpc('tools/call', { name: 'list_servers' })];
    const session = await client.open();
    answers.push(await client.legacy('tools/call', { session, params: { name: 'list_member_servers' } }));
    for (const { status, json, headers } of answers) {
      expect({ status, id: json.id, code: json.error.data.code }).toEqual({
        status: 403,
        id: 1,
        code: 'COMPOSER_SCOPE_INSUFFICIENT',
      });
      expect(headers['www-authenticate']).toMatch(/error="insufficient_scope".*scope="mcp manage"/);
    }
    expect(await client.call('list_servers', {}, '/mcp/crm')).toBe('Unknown tool: list_servers');
    expect(await acme!.tools()).toContain('list_servers');
  });
});

describe('virtual servers', () => {
  const put = (slug: string, body: object, by = acme!) => by.api('PUT', `/virtual-servers/${slug}`, body);

  it('are made, changed, listed and deleted over REST, by administrators, and read by developers', async () => {
    expect(await put('made', { servers: ['crm'] })).toMatchObject({ status: 201, json: { _meta: { version: 1 } } });
    expect(await put('made', { servers: ['erp'], roles: ['caller'] })).toMatchObject({ status: 200 });
    const patched = await acme!.api('PATCH', '/virtual-servers/made', { roles: null, label: 'Made' });
    expect(patched.json).toMatchObject({ slug: 'made', label: 'Made', servers: ['erp'], _meta: { version: 3 } });
    expect(patched.json.roles).toBeUndefined();
    const { client: developer } = await join(acme!, ['developer']);
    const { client: caller } = await join(acme!, ['caller']);
    expect((await developer.api('GET', '/virtual-servers/made')).json).toEqual(patched.json);
    const { json } = await developer.api('GET', '/virtual-servers');
    expect(json.items).toContainEqual(patched.json);
    expect((await put('made', { servers: ['*'] }, developer)).status).toBe(403);
    expect((await caller.api('GET', '/virtual-servers')).status).toBe(403);
    expect((await acme!.api('DELETE', '/virtual-servers/made')).status).toBe(204);
    expect(await acme!.tools('/mcp/made')).toBe('COMPOSER_VIRTUAL_SERVER_UNKNOWN');
    const { json: trail } = await acme!.api('GET', '/audit?limit=200');
    const actions = JSON.stringify(trail);
    for (const verb of ['created', 'updated', 'deleted']) expect(actions).toContain(`virtual_server.${verb}`);
  });

  it('offer their selection, and only that can be called there', async () => {
    await put('desk', { servers: ['crm', 'erp'], tools: ['*_echo', 'crm_pay'] });
    const { client: caller } = await join(acme!, ['caller']);
    expect(await caller.tools('/mcp/desk')).toEqual(['crm_echo', 'erp_echo']);
    expect(await acme!.tools('/mcp/desk')).toEqual(['crm_echo', 'crm_pay', 'erp_echo']);
    expect(await caller.call('erp_echo', { message: 'x' }, '/mcp/desk')).toBe('modern: x');
    expect(await acme!.call('crm_count', { steps: 1 }, '/mcp/desk')).toBe('Unknown tool: crm_count');
    await put('desk', { servers: ['crm'], tools: ['crm_count'] });
    expect(await caller.tools('/mcp/desk')).toEqual(['crm_count']);
  });

  it('are every member too, by its id, with names of its own', async () => {
    const { client: caller } = await join(acme!, ['caller']);
    expect(await caller.tools('/mcp/crm')).toEqual([...OPEN, 'refund'].sort());
    expect(await caller.call('echo', { message: 'x' }, '/mcp/crm')).toBe('modern: x');
    expect(await caller.call('crm_echo', { message: 'x' }, '/mcp/crm')).toBe('Unknown tool: crm_echo');
    expect(await acme!.tools('/mcp/crm')).toEqual([...OPEN, 'pay', 'refund'].sort());
  });

  it('answer alike when they are unknown, of another tenant, or not for the caller', async () => {
    await put('closed', { servers: ['crm'], roles: ['finance'] });
    await put('theirs', { servers: ['crm'] }, globex);
    const { client: caller } = await join(acme!, ['caller']);
    const texts = new Set<string>();
    const below = ['closed', 'theirs', 'nothing', 'constructor'].map((slug) => `/mcp/${slug}`);
    const elsewhere = ['/t/globex/mcp', '/t/globex/mcp/theirs', '/t/nobody/mcp', '/t/acme/mcp/closed'];
    for (const path of [...below, ...elsewhere]) {
      for (const answer of [
        await caller.rpc('tools/list', {}, path),
        await caller.rpc('tools/call', { name: 'crm_echo', arguments: {} }, path),
        await caller.legacy('initialize', { path }),
      ]) {
        expect(answer.status).toBe(404);
        texts.add(answer.text);
      }
    }
    expect([...texts]).toEqual([expect.stringContaining('COMPOSER_VIRTUAL_SERVER_UNKNOWN')]);
    expect(await (await join(acme!, ['finance'])).client.tools('/mcp/closed')).toEqual(
      ['crm_pay', ...full(...OPEN, 'refund')].sort(),
    );
    const foreign = await acme!.api('GET', '/virtual-servers/theirs');
    const unknown = await acme!.api('GET', '/virtual-servers/nothing');
    const without = ({ text, json }: typeof foreign) => text.replace(json.requestId, '');
    expect([foreign.status, without(foreign)]).toEqual([404, without(unknown)]);
    expect((await globex!.api('GET', '/virtual-servers/theirs')).status).toBe(200);
  });

  it('open to a role of the tenant by a pattern, there and nowhere else', async () => {
    await put('shop', { servers: ['crm'], tools: ['crm_echo', 'crm_pay'] });
    await roleOf(acme!, 'visitor', { virtual_servers: ['sh*'] });
    const { client } = await join(acme!, ['visitor']);
    expect([await client.tools('/mcp/shop'), await client.tools(), await client.tools('/mcp/crm')]).toEqual([
      ['crm_echo'],
      [],
      'COMPOSER_VIRTUAL_SERVER_UNKNOWN',
    ]);
  });

  it('keep sessions to themselves', async () => {
    await put('sessions', { servers: ['crm'] });
    const { client } = await join(acme!, ['caller']);
    const session = await client.open('/mcp/sessions');
    const at = async (path: string, by = client) => (await by.legacy('tools/list', { path, session })).status;
    expect([await at('/mcp/sessions'), await at('/mcp'), await at('/mcp/crm')]).toEqual([200, 404, 404]);
    expect(await at('/mcp/sessions', acme)).toBe(404);
  });

  it('take no slug that is the id of a member, and say so where one came later', async () => {
    expect(await put('crm', { servers: ['*'] })).toMatchObject({
      status: 409,
      json: { code: 'COMPOSER_VIRTUAL_SERVER_SLUG_TAKEN' },
    });
    await put('later', { servers: ['crm'] });
    const config = { id: 'later', type: 'http', endpoint: member.url };
    expect((await acme!.api('POST', '/servers', config)).status).toBe(201);
    const { json } = await acme!.api('GET', '/virtual-servers/later');
    expect(json._meta.warnings).toEqual([expect.stringContaining('/mcp/later')]);
    expect(await acme!.tools('/mcp/later')).toContain('crm_echo');
    await acme!.api('DELETE', '/servers/later');
  });
});

describe('who is revoked', () => {
  /** A GET that stays open; gives all that it was sent once it has ended. */
  function listen(client: TenantClient, session: string): { opened: Promise<unknown>; ended: Promise<string> } {
    const headers = { authorization: `Bearer ${client.key}`, 'mcp-session-id': session, accept: 'text/event-stream' };
    let text = '';
    const stream = request(`${composer.url}/mcp`, { headers, agent: false });
    const opened = new Promise<unknown>((resolve, reject) => stream.once('response', resolve).once('error', reject));
    const ended = new Promise<string>((resolve) => {
      stream.once('response', (response) => {
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.once('close', () => resolve(text));
      });
    });
    stream.end();
    return { opened, ended };
  }

  it('loses calls and streams that are under way, the member is told, and nobody else is', async () => {
    const [leaving, staying] = [await join(acme!, ['caller']), await join(acme!, ['caller'])];
    const stream = listen(leaving.client, await leaving.client.open());
    await stream.opened;
    const calls = [leaving, staying].map(({ client }, i) =>
      client.rpc('tools/call', { name: 'crm_wait', arguments: { key: `k${i}` } }),
    );
    await eventually(() => expect(member.waiting).toEqual(expect.arrayContaining(['k0', 'k1'])));
    expect((await acme!.api('DELETE', `/api-keys/${leaving.keyId}`)).status).toBe(204);
    const ended = await calls[0]!;
    expect({ status: ended.status, code: ended.json.error.data.code, id: ended.json.id }).toEqual({
      status: 403,
      code: 'COMPOSER_ACCESS_ENDED',
      id: 1,
    });
    await stream.ended;
    await eventually(() => expect(member.cancelled).toContain('k0'));
    expect(member.cancelled).not.toContain('k1');
    expect((await leaving.client.rpc('tools/list')).status).toBe(401);
    await acme!.api('PATCH', `/principals/${staying.id}`, { disabled: true });
    expect((await calls[1]!).json.error.data.code).toBe('COMPOSER_ACCESS_ENDED');
    await eventually(() => expect(member.cancelled).toContain('k1'));
  });
});

describe('limits', () => {
  it('answer 429 with the time to come back, over MCP and REST, to the key that asks too often, and to no other', async () => {
    const operator = await clientOf('default', 'operator');
    const limits = { requests_per_second: 1, burst: 3 };
    expect((await operator.api('PATCH', '/tenants/globex', { limits })).status).toBe(200);
    const { client: other } = await join(acme!, ['caller']);
    // New limits are read beside the first request that they hold for.
    const refused = await eventually(async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => globex!.rpc('tools/list')));
      const tooMany = answers.filter(({ status }) => status === 429);
      expect(tooMany.length).toBeGreaterThan(10);
      return tooMany;
    });
    for (const { json, headers } of refused) {
      expect(json.error.data.code).toBe('COMPOSER_RATE_LIMITED');
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    const rest = await globex!.api('GET', '/servers');
    expect({ status: rest.status, code: rest.json.code }).toEqual({ status: 429, code: 'COMPOSER_RATE_LIMITED' });
    expect(rest.headers['content-type']).toMatch(/problem\+json/);
    expect(Number(rest.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect((await other.rpc('tools/list')).status).toBe(200);
    await eventually(async () => expect((await globex!.rpc('tools/list')).status).toBe(200));
  });
});

describe('/credential of a server', () => {
  it('is there for whoever may use the server, whatever their roles are, and for nobody else', async () => {
    await roleOf(acme!, 'erp-reader', { servers: ['erp'] });
    const { client } = await join(acme!, ['erp-reader']);
    expect((await client.api('GET', '/servers/erp/credential')).json).toEqual({
      auth_strategy: 'none',
      credentials: [],
    });
    expect((await client.api('DELETE', '/servers/erp/credential')).status).toBe(204);
    const [hidden, absent] = await Promise.all(
      ['crm', 'nothing'].map((id) => client.api('GET', `/servers/${id}/credential`)),
    );
    expect([hidden!.status, hidden!.json.code]).toEqual([404, absent!.json.code]);
    expect((await client.api('DELETE', '/servers/crm/credential')).status).toBe(404);
    expect((await client.api('GET', '/servers')).status).toBe(403);
  });
});
