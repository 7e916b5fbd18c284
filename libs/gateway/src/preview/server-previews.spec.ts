import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenPool, openPool } from '#builder/testing';
import { setEnvironment } from '#config';
import { type OriginServer, originServer } from '#egress/testing';
import { serverId, tenantId } from '#kernel';
import { CLI } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { entriesOf } from '../catalog/catalog-entry.js';
import { ServerPreviews } from './server-previews.js';

const [acme, globex] = ['acme', 'globex'].map((slug) =>
  principalOf('ann', { tenantId: tenantId(slug), roles: ['admin'] }),
);
const PAGE = { offset: 0, limit: 2_000 };

type Operation = Readonly<Record<string, unknown>>;
/** `{ 'get /things/{id}': {...} }` */
function documentOf(operations: Readonly<Record<string, Operation>>): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [route, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = route.split(' ');
    (paths[path] ??= {})[method] = { responses: { 200: { description: 'fine' } }, ...operation };
  }
  return { openapi: '3.1.0', info: { title: 'Shop', version: '1' }, paths };
}
const text = { type: 'string' };
const find = { operationId: 'find', summary: 'Finds.', parameters: [{ name: 'q', in: 'query', schema: text }] };
const SHOP = documentOf({
  'get /things': find,
  'post /things': { operationId: 'make', summary: 'Makes.' },
  'get /secret': { operationId: 'look' },
  'get /odd': { operationId: 'odd', parameters: [{ $ref: 'other.json#/a' }] },
  'delete /things/{id}': { operationId: 'drop' },
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read into it without declaring every shape
type Answer = any;

describe('ServerPreviews', () => {
  let opened: OpenPool;
  let previews: ServerPreviews;
  let api: OriginServer;

  beforeEach(async () => {
    opened = await openPool();
    const { home, pool } = opened;
    previews = new ServerPreviews(home.candidates, opened.previews, pool, home.log);
    api = await originServer();
  });
  afterEach(async () => {
    setEnvironment(undefined);
    await opened.close();
    await api.close();
  });

  const look = (config: unknown, by = acme!, page = PAGE): Promise<Answer> => previews.preview(by, config, page);
  const shop = (spec: object = SHOP, more: object = {}, settings: object = {}) => ({
    id: 'shop',
    type: 'openapi',
    open_api: { endpoint: api.url, spec, ...settings },
    health_check: { enabled: false },
    ...more,
  });
  const local = (tool: object) => ({
    id: 'shop',
    type: 'local',
    endpoint: api.url,
    tools: [{ description: 'One request.', ...tool }],
  });
  const register = (config: unknown, by = acme!) => opened.registry.register(by.tenantId, config, { by: CLI });
  const errorOf = async (work: Promise<unknown>) => {
    const { code, status, faults } = await work.then(
      () => ({}) as Answer,
      (error: Answer) => error,
    );
    return { code, status, faults };
  };

  it('tells of every operation what would become of it, and why not', async () => {
    const rules = [{ methods: '*', pattern: '^/secret', mcp_type: 'exclude' }];
    const answer = await look(shop(SHOP, { disabled_tools: ['shop_drop'] }, { custom_routes: rules }));
    expect(answer).toMatchObject({ id: 'shop', type: 'openapi', exists: false, known: true, title: 'Shop', total: 5 });
    expect(answer.operations).toEqual([
      { operation: 'GET /things', name: 'shop_find', kind: 'tool' },
      { operation: 'POST /things', name: 'shop_make', kind: 'tool' },
      { operation: 'DELETE /things/{id}', name: 'drop', kind: 'excluded', reason: 'is one of disabled_tools' },
      { operation: 'GET /secret', kind: 'excluded', reason: 'excluded by open_api.custom_routes' },
      { operation: 'GET /odd', kind: 'skipped', reason: expect.stringMatching(/reference/) },
    ]);
    expect(answer.counts).toMatchObject({ operations: 5, tools: 2, excluded: 2, skipped: 1, listed: 2 });
    expect(answer).not.toHaveProperty('changes');
  });

  it('tells of resources, of how the service knows its callers, and takes the servers that the member would take', async () => {
    const document = {
      ...documentOf({
        'get /things': { ...find, servers: [{ url: `${api.url}/v2` }] },
        'get /things/{id}': {
          operationId: 'read',
          parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
        },
        'get /motd': { operationId: 'motd' },
      }),
      components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'X-Shop-Key' } } },
      security: [{ key: [] }],
    };
    const rules = [
      { methods: ['GET'], pattern: '^/motd', mcp_type: 'RESOURCE' },
      { methods: ['GET'], pattern: '^/things/', mcp_type: 'RESOURCE_TEMPLATE' },
    ];
    const answer = await look(shop(document, {}, { custom_routes: rules }));
    expect(answer.operations).toEqual([
      { operation: 'GET /things', name: 'shop_find', kind: 'tool' },
      { operation: 'GET /things/{id}', kind: 'template' },
      { operation: 'GET /motd', kind: 'resource' },
    ]);
    expect(answer.counts).toMatchObject({ tools: 1, resources: 1, templates: 1 });
    const auth = { in: 'header', name: 'X-Shop-Key' };
    expect(answer.hints).toEqual([{ scheme: 'key', auth_strategy: 'apikey', auth, operations: 3 }]);
    expect(answer.notes).toEqual([]);
  });

  it('counts the bytes that clients would be listed, and names the heaviest', async () => {
    const { tokens } = await look(shop());
    await register(shop());
    const slot = opened.pool.find({ tenantId: acme!.tenantId, serverId: serverId('shop') })!;
    const listed = entriesOf(slot, 'tools').map(({ definition }) => definition.toString());
    const bytes = Buffer.byteLength(listed.join(','));
    expect(tokens).toMatchObject({ bytes, estimate: Math.ceil(bytes / 4), bytes_per_token: 4 });
    const sizes = tokens.heaviest.map((one: { bytes: number }) => one.bytes);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(tokens.heaviest).toHaveLength(listed.length);
    const layered = await look(shop(SHOP, {}, { layered: true }));
    expect(layered).toMatchObject({ layered: true, counts: { tools: 4, listed: 3 } });
    expect(layered.operations[0]).toEqual({ operation: 'GET /things', name: 'find', kind: 'tool' });
  });

  it('fetches the document, and calls neither the service nor a server', async () => {
    const documents = await originServer((_, response) => void response.end(JSON.stringify(SHOP)));
    try {
      const open_api = { endpoint: api.url, spec_url: `${documents.url}/openapi.json` };
      expect(await look({ id: 'shop', type: 'openapi', open_api })).toMatchObject({ known: true });
      expect(documents.connections).toBe(1);
      for (const type of ['http', 'client', 'sse', 'graphql']) {
        const where =
          type === 'graphql' ? { graphql: { endpoint: api.url, tools: ['fields'] } } : { endpoint: api.url };
        const answer = await look({ id: 'other', type, ...where, auth_strategy: 'bearer', auth: { token: 'hunter2' } });
        expect(answer).toMatchObject({ known: false, checks: { configuration: 'valid', addresses: 'allowed' } });
        expect(JSON.stringify(answer)).not.toContain('hunter2');
      }
      expect(api.connections).toBe(0);
    } finally {
      await documents.close();
    }
  });

  it('starts no process, whether or not it might', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'preview-'));
    const file = join(folder, 'started');
    const config = {
      id: 'files',
      type: 'stdio',
      command: process.execPath,
      args: ['-e', `require('node:fs').writeFileSync(${JSON.stringify(file)}, '')`],
    };
    try {
      expect(await errorOf(look(config))).toMatchObject({ code: 'COMPOSER_STDIO_REFUSED', status: 422 });
      setEnvironment({ STDIO_ALLOWLIST: process.execPath });
      expect(await look(config)).toMatchObject({ known: false, checks: { command: 'allowed' } });
      // Registering it would have started it by now.
      await register(config);
      expect(existsSync(file)).toBe(true);
      rmSync(file);
      expect(await look({ ...config, id: 'again' })).toMatchObject({ exists: false });
      expect(existsSync(file)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('tells what the configuration of a local server becomes, and calls nothing', async () => {
    const answer = await look(local({ name: 'find', path: '/things/{{id}}' }));
    expect(answer).toMatchObject({ known: true, counts: { tools: 1, listed: 1 } });
    expect(answer.operations).toEqual([{ operation: 'GET /things/{{id}}', name: 'shop_find', kind: 'tool' }]);
    const prompts = { id: 'shop', type: 'local', prompts: [{ name: 'thank', template: 'Thank {name}.' }] };
    expect(await look(prompts)).toMatchObject({ known: true, counts: { tools: 0, listed: 0 }, total: 0 });
    expect(api.connections).toBe(0);
  });

  it('finds the faults that registering finds', async () => {
    const denied = { ...shop(), open_api: { endpoint: 'http://10.0.0.1', spec: SHOP } };
    const unreadable = shop({ openapi: '4.0.0', paths: {} });
    const rules = shop(SHOP, {}, { custom_routes: [{ methods: '*', pattern: '(?=a)', mcp_type: 'TOOL' }] });
    for (const config of [
      'text',
      {},
      { id: 'a b', type: 'openapi' },
      { ...shop(), id: '\0' },
      { ...shop(), auth_strategy: 'kerberos' },
      { ...shop(), auth_strategy: 'bearer', auth: { token: { set: true } } },
      { ...shop(), open_api: { endpoint: api.url, spec_filepath: '/etc/passwd' } },
      denied,
      unreadable,
      rules,
      local({ name: 'f', path: '/x?{{k}}=1' }),
      local({ name: 'f', path: '/x', headers: { authorization: 'Bearer {{t}}' } }),
    ]) {
      const [told, thrown] = [await errorOf(look(config)), await errorOf(register(config))];
      expect(told).toEqual(thrown);
      expect([told.code, told.status]).toEqual([expect.any(String), 422]);
    }
  });

  it('tells what would be different from what serves now', async () => {
    await register(shop(SHOP, { auth_strategy: 'bearer', auth: { token: 'hunter2' } }));
    const same = await look(shop(SHOP, { auth_strategy: 'bearer', auth: { token: { set: true } } }));
    expect(same).toMatchObject({
      exists: true,
      changes: { counts: { unchanged: 4, added: 0, removed: 0, changed: 0 } },
    });
    const next = documentOf({
      'get /things': {
        ...find,
        summary: 'Finds more.',
        parameters: [{ name: 'q', in: 'query', required: true, schema: text }],
      },
      'post /things': { operationId: 'create', summary: 'Makes.' },
      'get /secret': { operationId: 'look' },
      'get /new': { operationId: 'fresh' },
    });
    const { changes } = await look(shop(next));
    expect(changes).toEqual({
      counts: { added: 1, removed: 1, changed: 1, renamed: 1, unchanged: 1 },
      added: ['shop_fresh'],
      removed: ['shop_drop'],
      changed: [{ name: 'shop_find', fields: ['annotations', 'description', 'inputSchema'] }],
      renamed: [{ from: 'shop_make', to: 'shop_create', operation: 'POST /things', fields: [] }],
    });
    const moved = await look(
      shop(
        next,
        { auth_strategy: 'bearer', auth: { token: { set: true } } },
        { endpoint: `${api.url}:1`.replace(/:\d+:1$/, ':1') },
      ),
    );
    expect(moved.needs_reentry).toEqual(['auth.token']);
    expect(JSON.stringify(moved)).not.toContain('hunter2');
  });

  it('knows nothing of what another tenant has', async () => {
    await register(shop(SHOP, { auth_strategy: 'bearer', auth: { token: 'hunter2' } }));
    const theirs = await look(shop(), globex);
    expect(theirs).toMatchObject({ exists: false });
    expect(theirs).not.toHaveProperty('changes');
    const kept = shop(SHOP, { auth_strategy: 'bearer', auth: { token: { set: true } } });
    expect(await errorOf(look(kept, globex))).toMatchObject({ code: 'COMPOSER_SERVER_CONFIG_INVALID' });
  });

  it('tells of two thousand operations at once, and of parts of them', async () => {
    const all = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, at) => [
        `get /areas/{area}/things/${at}`,
        { operationId: `areas_getThing${at}` },
      ]),
    );
    const answer = await look(shop(documentOf(all)));
    expect([answer.total, answer.operations.length]).toEqual([2_000, 2_000]);
    expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThan(512 * 1024);
    const part = await look(shop(documentOf(all)), acme, { offset: 1_999, limit: 10 });
    expect(part).toMatchObject({ total: 2_000, offset: 1_999, operations: [{ name: 'shop_areas_getThing1999' }] });
  });

  it('has two of a tenant under way at most', async () => {
    const all = [1, 2, 3].map(() => errorOf(look(shop())));
    const busy = { code: 'COMPOSER_PREVIEWS_BUSY', status: 429 };
    expect((await Promise.all(all)).filter(({ code }) => code !== undefined)).toMatchObject([busy]);
    expect(await errorOf(look(shop()))).toEqual({});
  });
});
