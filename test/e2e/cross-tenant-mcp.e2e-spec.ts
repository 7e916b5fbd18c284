import { request } from 'node:http';
import { AuditBatches } from '#audit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { unknownLike } from '../fixtures/cross-tenant-routes.js';
import { eventually } from '../fixtures/eventually.js';
import { type HttpAnswer, JSON_HEADERS, LEGACY, MODERN } from '../fixtures/mcp-clients.js';
import type { TenantClient } from '../fixtures/tenant-client.js';
import { type TwoEstates, ask, openTwoEstates, shown } from '../fixtures/two-estates.js';

type Era = 'legacy' | 'modern';
type Message = { readonly method: string; readonly params?: Readonly<Record<string, unknown>>; readonly id?: number };

const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
};
const COMPLETION = { ref: { type: 'ref/prompt', name: 'twin_ping' }, argument: { name: 'a', value: '' } };
const TASK = {
  _meta: {
    ...META,
    'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
  },
  taskId: 'h1.nobody.has-given-this',
};
const INITIALIZE = { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: 'e2e', version: '1' } };
const LISTEN = { notifications: { toolsListChanged: false } };

/** Every message of each era, as a client of globex may send it. */
const MESSAGES: Readonly<Record<Era, readonly Message[]>> = {
  legacy: [
    { method: 'initialize', params: INITIALIZE, id: 1 },
    { method: 'ping', id: 1 },
    { method: 'tools/list', id: 1 },
    { method: 'tools/call', params: { name: 'twin_ping', arguments: {} }, id: 1 },
    { method: 'notifications/initialized' },
    { method: 'notifications/cancelled', params: { requestId: 1 } },
    { method: 'prompts/list', id: 1 },
    { method: 'prompts/get', params: { name: 'twin_ping' }, id: 1 },
    { method: 'resources/list', id: 1 },
    { method: 'resources/templates/list', id: 1 },
    { method: 'resources/read', params: { uri: 'twin://ping' }, id: 1 },
    { method: 'completion/complete', params: COMPLETION, id: 1 },
  ],
  modern: [
    { method: 'server/discover', id: 1 },
    { method: 'tools/list', id: 1 },
    { method: 'tools/call', params: { name: 'twin_ping', arguments: {} }, id: 1 },
    { method: 'prompts/list', id: 1 },
    { method: 'prompts/get', params: { name: 'twin_ping' }, id: 1 },
    { method: 'resources/list', id: 1 },
    { method: 'resources/templates/list', id: 1 },
    { method: 'resources/read', params: { uri: 'twin://ping' }, id: 1 },
    { method: 'completion/complete', params: COMPLETION, id: 1 },
    { method: 'subscriptions/listen', params: LISTEN, id: 1 },
    ...['tasks/get', 'tasks/update', 'tasks/cancel'].map((method) => ({ method, params: TASK, id: 1 })),
    { method: 'notifications/cancelled', params: { requestId: 1 } },
    { method: 'ping', id: 1 },
  ],
};

/** What each management tool is asked, about a server that another tenant has or nobody. */
const MANAGEMENT: Readonly<Record<string, (id: string) => object>> = {
  activate_mcp_server: (server_id) => ({ server_id }),
  deactivate_mcp_server: (server_id) => ({ server_id }),
  delete_mcp_server: (server_id) => ({ server_id }),
  update_mcp_server_config: (server_id) => ({ server_id, new_config: { label: 'taken over' } }),
  register_mcp_server: (id) => ({ config: { id, type: 'http', endpoint: 'http://127.0.0.1:1' } }),
  list_servers: () => ({}),
  member_health: () => ({}),
  preview_mcp_server: (id) => ({ config: { id, type: 'graphql', graphql: { endpoint: 'http://127.0.0.1:1' } } }),
  get_tool_config_by_name: (id) => ({ tool_name: `${id}_ping` }),
  get_tool_config_by_server: (server_id) => ({ server_id }),
  disable_tools: (server_id) => ({ server_id, tools: ['ping'] }),
  enable_tools: (id) => ({ tools: [`${id}_ping`] }),
  update_tool_description: (server_id) => ({ server_id, tool: 'ping', description: 'taken over' }),
  filter_tool: (keyword) => ({ keyword }),
  add_tools_from_curl: (name) => ({
    tool_config: { name, description: 'Asks.', curl_config: { value: 'curl http://127.0.0.1:1/' } },
  }),
  rollback_curl_tool_version: (name) => ({ name, version: 1 }),
  add_tools_from_python: (name) => ({ tool_config: { name } }),
  add_tools_from_openapi: (title) => ({
    openapi_spec: {
      openapi: '3.1.0',
      info: { title, version: '1' },
      servers: [{ url: 'http://127.0.0.1:1' }],
      paths: {},
    },
  }),
  rollback_openapi_tool_version: (name) => ({ name, version: 1 }),
  add_prompts: (name) => ({ prompt_config: [{ name, template: 'Ask.' }] }),
  get_all_prompts: () => ({}),
  list_prompts_per_server: (server_id) => ({ server_id }),
  filter_prompts: (name) => ({ name }),
  disable_prompts: (server_id) => ({ server_id, prompts: ['ping'] }),
  enable_prompts: (server_id) => ({ server_id, prompts: ['ping'] }),
  delete_prompts: (id) => ({ prompt_names: [`${id}_ping`] }),
};

/** Those that make a server, and of which id. */
const MAKES: Readonly<Record<string, (id: string) => string>> = {
  register_mcp_server: (id) => id,
  add_tools_from_curl: (id) => id,
  add_tools_from_openapi: (id) => id,
  add_prompts: () => 'prompts',
};

let two: TwoEstates;
/** Sessions of both tenants' administrators, at their tenant's own address. */
let sessions: Readonly<Record<'acme' | 'globex', string>>;
/** Requests that were compared. */
let cells = 0;

beforeAll(async () => {
  two = await openTwoEstates({ env: { TOOLS_PAGE_SIZE: '2' } });
  sessions = { acme: await two.acme.admin.open(), globex: await two.globex.admin.open() };
  for (const { admin } of [two.acme, two.globex]) expect(await admin.call('twin_ping')).toContain('"from"');
}, 120_000);
afterAll(() => two?.stop());

interface Sending {
  readonly era: Era;
  readonly message: Message;
  readonly path?: string;
  readonly session?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function send({ key }: TenantClient, { era, message, path = '/mcp', session, headers = {} }: Sending) {
  const { method, params = {}, id } = message;
  const named = params['name'] ?? params['taskId'];
  const name = typeof named === 'string' ? { 'mcp-name': named } : {};
  const own =
    era === 'modern'
      ? { 'mcp-protocol-version': MODERN, 'mcp-method': method, ...name }
      : method === 'initialize'
        ? {}
        : { 'mcp-protocol-version': LEGACY };
  const all = { ...JSON_HEADERS, ...own, ...(session === undefined ? {} : { 'mcp-session-id': session }), ...headers };
  const body = { jsonrpc: '2.0', ...(id === undefined ? {} : { id }), method };
  const sent = { ...body, params: era === 'modern' ? { _meta: META, ...params } : params };
  return ask(two.composer.url, key, { method: 'POST', path, headers: all, body: sent });
}

/** Byte for byte, but for the id of a session that was opened just now, and for a name that was asked for. */
function told(answer: HttpAnswer, name = ''): string {
  const { 'mcp-session-id': session, ...headers } = answer.headers;
  const text = `${shown({ ...answer, headers })}${session === undefined ? '' : ' and a session'}`;
  return name === '' ? text : text.replaceAll(name, '<name>');
}

async function expectAlike(what: string, foreign: () => Promise<string>, unknown: () => Promise<string>) {
  cells += 1;
  expect([what, await foreign()]).toEqual([what, await unknown()]);
}

/** Calls are recorded in batches: what is on its way is written first. */
async function rows(): Promise<readonly string[]> {
  await two.composer.app.get(AuditBatches).flush();
  return two.rows();
}

async function leavesAcmeAlone(work: () => Promise<void>): Promise<void> {
  const before = await rows();
  await work();
  expect(await rows()).toEqual(before);
}

const eras = ['legacy', 'modern'] as const;
const each = eras.flatMap((era) => MESSAGES[era].map((message) => ({ era, message, name: message.method })));

describe.each(each)('$name of the $era era', ({ era, message }) => {
  const own = () => (era === 'legacy' ? { session: sessions.globex } : {});
  const as = (more: Partial<Sending>) => send(two.globex.admin, { era, message, ...own(), ...more });

  it('takes a foreign session for one that is not there', async () => {
    await leavesAcmeAlone(async () => {
      const [foreign, unknown] = [sessions.acme, unknownLike(sessions.acme)];
      await expectAlike(
        message.method,
        async () => told(await as({ session: foreign })),
        async () => told(await as({ session: unknown })),
      );
    });
  });

  it('takes addresses of what another tenant has for addresses of nothing', async () => {
    const { server, virtualServer } = two.acme.ids;
    const below = [server, virtualServer].flatMap((slug) => [`/mcp/${slug}`, `/t/globex/mcp/${slug}`]);
    const elsewhere = ['', '/twin', '/twin-view', `/${server}`, `/${virtualServer}`].map(
      (slug) => `/t/acme/mcp${slug}`,
    );
    await leavesAcmeAlone(async () => {
      for (const path of [...below, ...elsewhere]) {
        const unknown = path.startsWith('/t/acme') ? path.replace('/t/acme', '/t/nobody') : unknownLike(path);
        for (const session of era === 'legacy' ? [sessions.globex, sessions.acme] : [undefined]) {
          const more = session === undefined ? {} : { session };
          const answer = await as({ path, ...more });
          expect([path, answer.status]).toEqual([path, 404]);
          await expectAlike(
            path,
            async () => told(answer),
            async () => told(await as({ path: unknown, ...more })),
          );
        }
      }
    });
  });

  it('is answered for one’s own tenant, whatever tenant is named besides', async () => {
    await leavesAcmeAlone(async () => {
      const baseline = told(await as({}));
      expect(baseline).not.toMatch(/acme/);
      for (const tenant of ['acme', two.tenantIds.acme]) {
        for (const name of ['x-tenant-id', 'x-tenant', 'x-forwarded-tenant', 'tenant']) {
          await expectAlike(
            name,
            async () => told(await as({ headers: { [name]: tenant } })),
            async () => baseline,
          );
        }
        for (const name of ['tenant', 'tenantId', 'tenant_id']) {
          const params = { ...message.params, [name]: tenant };
          await expectAlike(
            name,
            async () => told(await as({ path: `/mcp?${name}=${tenant}` })),
            async () => baseline,
          );
          await expectAlike(
            name,
            async () => told(await as({ message: { ...message, params } })),
            async () => baseline,
          );
        }
      }
    });
  });
});

describe.each(eras)('in the %s era', (era) => {
  const own = () => (era === 'legacy' ? { session: sessions.globex } : {});
  const call = (name: string, path = '/mcp', args = {}) =>
    send(two.globex.admin, {
      era,
      ...own(),
      path,
      message: { method: 'tools/call', id: 1, params: { name, arguments: args } },
    });

  it('tools of another tenant are unknown ones', async () => {
    await leavesAcmeAlone(async () => {
      for (const name of ['twin_only_acme', 'only-acme_ping', 'only-acme_only_acme']) {
        const unknown = unknownLike(name);
        const answer = await call(name);
        expect(answer.json.error).toMatchObject({ code: -32602, message: `Unknown tool: ${name}` });
        await expectAlike(
          name,
          async () => told(answer, name),
          async () => told(await call(unknown), unknown),
        );
      }
    });
  });

  it('management tools know nothing of another tenant’s things', async () => {
    const id = two.acme.ids.server;
    const manage = async (name: string, server: string): Promise<string> => {
      const answer = await call(name, '/mcp', MANAGEMENT[name]!(server));
      expect([name, answer.status, answer.json.error]).toEqual([name, 200, undefined]);
      expect(answer.text).not.toMatch(/of acme/);
      const made = MAKES[name]?.(server);
      if (made !== undefined) await two.globex.admin.api('DELETE', `/servers/${made}`);
      return told(answer, server).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');
    };
    await leavesAcmeAlone(async () => {
      expect((await managementTools()).sort()).toEqual(Object.keys(MANAGEMENT).sort());
      for (const name of Object.keys(MANAGEMENT)) {
        await expectAlike(
          name,
          () => manage(name, id),
          () => manage(name, unknownLike(id)),
        );
      }
    });
  });

  it('cursors of another tenant lead to nothing of it', async () => {
    const list = (client: TenantClient, session: string, cursor?: string) =>
      send(client, {
        era,
        ...(era === 'legacy' ? { session } : {}),
        message: { method: 'tools/list', id: 1, params: cursor === undefined ? {} : { cursor } },
      });
    await leavesAcmeAlone(async () => {
      let cursor: string | undefined;
      do {
        const page = await list(two.acme.admin, sessions.acme, cursor);
        cursor = page.json.result.nextCursor as string | undefined;
        if (cursor === undefined) break;
        const name = Buffer.from(cursor, 'base64url').toString('utf8');
        const nobodys = Buffer.from(`${name}0`).toString('base64url');
        const [theirs, unknown] = [
          await list(two.globex.admin, sessions.globex, cursor),
          await list(two.globex.admin, sessions.globex, nobodys),
        ];
        await expectAlike(
          name,
          async () => told(theirs),
          async () => told(unknown),
        );
        expect(theirs.text).not.toContain('acme');
      } while (cursor !== undefined);
    });
  });
});

async function managementTools(): Promise<string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const { json } = await two.globex.admin.rpc('tools/list', cursor === undefined ? {} : { cursor });
    names.push(...json.result.tools.map(({ name }: { name: string }) => name));
    cursor = json.result.nextCursor;
  } while (cursor !== undefined);
  return names.filter((name) => !/^(twin|only-globex)_/.test(name));
}

describe('what runs for another tenant', () => {
  it('is cancelled by nobody else, in no session', async () => {
    const calling = send(two.acme.admin, {
      era: 'legacy',
      session: sessions.acme,
      message: { method: 'tools/call', id: 77, params: { name: 'twin_wait', arguments: {} } },
    });
    await eventually(() => expect(two.acme.waiting).toHaveLength(1));
    const cancel = (session: string, client: TenantClient, path = '/mcp') =>
      send(client, {
        era: 'legacy',
        session,
        path,
        message: { method: 'notifications/cancelled', params: { requestId: 77 } },
      });
    const ended = calling.then(() => 'ended');
    await leavesAcmeAlone(async () => {
      for (const client of [two.globex.admin, two.globex.caller, two.acme.caller]) {
        await expectAlike(
          'cancelled',
          async () => told(await cancel(sessions.acme, client)),
          async () => told(await cancel(unknownLike(sessions.acme), client)),
        );
      }
      expect((await cancel(sessions.globex, two.globex.admin)).status).toBe(202);
      for (const path of ['/t/acme/mcp', '/t/acme/mcp/twin']) {
        expect((await cancel(sessions.acme, two.globex.admin, path)).status).toBe(404);
      }
    });
    // Whatever was cancelled by mistake would have ended by the time another call is answered.
    const later = two.acme.admin.call('twin_ping').then(() => 'still running');
    expect(await Promise.race([ended, later])).toBe('still running');
    expect((await cancel(sessions.acme, two.acme.admin)).status).toBe(202);
    expect(await ended).toBe('ended');
  });

  it('ends with no DELETE of somebody else, and is heard on no stream of theirs', async () => {
    const { url } = two.composer;
    const headers = (session: string) => ({ 'mcp-session-id': session, accept: 'text/event-stream' });
    const own = await openStream(two.acme.admin, sessions.acme);
    await leavesAcmeAlone(async () => {
      for (const method of ['GET', 'DELETE']) {
        for (const path of ['/mcp', '/mcp/twin', '/t/globex/mcp', '/t/acme/mcp', '/t/acme/mcp/twin']) {
          const asked = (session: string) =>
            ask(url, two.globex.admin.key, { method, path, headers: headers(session) });
          const answer = await asked(sessions.acme);
          expect([method, path, answer.status]).toEqual([method, path, 404]);
          await expectAlike(
            `${method} ${path}`,
            async () => told(answer),
            async () => told(await asked(unknownLike(sessions.acme))),
          );
        }
      }
    });
    expect(own.isOpen()).toBe(true);
    const ping = await send(two.acme.admin, {
      era: 'legacy',
      session: sessions.acme,
      message: { method: 'ping', id: 1 },
    });
    expect(ping.status).toBe(200);
    own.close();
  });

  it('tells of changes nobody but those whose tools change', async () => {
    const streams = [
      await openStream(two.acme.admin, sessions.acme),
      await openStream(two.globex.admin, sessions.globex),
    ];
    const [acme, globex] = streams;
    await two.acme.admin.api('POST', '/servers/only-acme/deactivate');
    await eventually(() => expect(acme!.text()).toContain('list_changed'));
    await two.acme.admin.api('POST', '/servers/only-acme/activate');
    await two.globex.admin.call('twin_ping');
    expect(globex!.text()).not.toContain('list_changed');
    for (const stream of streams) stream.close();
  });
});

it('has compared what it says it has', () => expect(cells).toBeGreaterThan(400));

interface OpenStream {
  text(): string;
  isOpen(): boolean;
  close(): void;
}

function openStream({ key }: TenantClient, session: string): Promise<OpenStream> {
  const headers = { authorization: `Bearer ${key}`, 'mcp-session-id': session, accept: 'text/event-stream' };
  const stream = request(`${two.composer.url}/mcp`, { headers, agent: false });
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.once('response', (response) => {
      let text = '';
      let isOpen = response.statusCode === 200;
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('error', () => undefined);
      response.once('close', () => (isOpen = false));
      resolve({ text: () => text, isOpen: () => isOpen, close: () => void stream.destroy() });
    });
    stream.end();
  });
}
