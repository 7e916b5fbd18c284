import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JSON_HEADERS, callTool, modern, openSession, send } from '../fixtures/mcp-clients.js';
import { openApiDocument } from '../fixtures/openapi-member.js';
import { startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

/** What everybody may ask without a credential; nothing else. */
const PUBLIC = ['/health', '/health/live', '/health/ready'];

interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly requestId?: string;
}

const PROBLEM = {
  type: 'about:blank',
  title: expect.any(String),
  status: expect.any(Number),
  detail: expect.any(String),
  code: expect.stringMatching(/^COMPOSER_[A-Z0-9_]+$/),
  requestId: expect.any(String),
};

let open: ComposerProcess;
beforeAll(async () => void (open = await startComposer()), 60_000);
afterAll(() => open.stop());

/** Method and path of every route that the API documents, with a made-up id in it. */
async function documentedRoutes(): Promise<[method: string, path: string][]> {
  const { body } = await open.api('GET', '/api/v1/openapi.json');
  expect(body.openapi).toMatch(/^3\.1/);
  return Object.entries(body.paths as Record<string, object>).flatMap(([path, operations]) =>
    Object.keys(operations).map((method): [string, string] => [method.toUpperCase(), path.replaceAll(/\{\w+\}/g, '1')]),
  );
}

/** Of these every route is for everybody: they hold nothing of any tenant. */
const FOR_EVERYBODY: readonly (string | undefined)[] = [
  'ClientDocumentController',
  'HealthController',
  'ProtectedResourceController',
];

describe('every route of the application', () => {
  it('declares who may call it', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'composer-routes-'));
    process.env['COMPOSER_DATA_DIR'] = dataDir;
    process.env['LOG_LEVEL'] = 'fatal';
    const { createComposer } = await import('../../apps/composer/src/create-composer.js');
    const { RoutePolicyCheck } = await import('#access');
    const app = await createComposer();
    try {
      const routes = app.get(RoutePolicyCheck).routes();
      expect(routes.length).toBeGreaterThan(10);
      expect(routes.filter(({ policy }) => !isPolicy(policy)).map(({ name }) => name)).toEqual([]);
      const everybody = routes.filter(({ policy }) => (policy as { kind: string }).kind === 'public');
      const controllers = everybody.map(({ name }) => name.split('.')[0]);
      expect(controllers).toEqual(expect.arrayContaining(PUBLIC.map(() => 'HealthController')));
      expect(controllers.filter((name) => !FOR_EVERYBODY.includes(name))).toEqual([]);
    } finally {
      await app.close();
      rmSync(dataDir, { recursive: true, force: true });
    }
  }, 60_000);

  it('is documented, the routes of the contract among them', async () => {
    const routes = (await documentedRoutes()).map(([method, path]) => `${method} ${path}`);
    const servers = ['', '/1'].map((id) => `GET /api/v1/servers${id}`);
    const writing = [
      'POST /api/v1/servers',
      'PUT /api/v1/servers/1',
      'PATCH /api/v1/servers/1',
      'DELETE /api/v1/servers/1',
    ];
    const more = ['activate', 'deactivate', 'versions/1/restore'].map((path) => `POST /api/v1/servers/1/${path}`);
    const reading = ['health', 'tools', 'versions'].map((path) => `GET /api/v1/servers/1/${path}`);
    const offered = ['tools', 'prompts', 'resources'].map((list) => `GET /api/v1/${list}`);
    expect(routes).toEqual(expect.arrayContaining([...servers, ...writing, ...more, ...reading, ...offered]));
  });
});

describe('with COMPOSER_AUTH=required', () => {
  let closed: ComposerProcess;
  beforeAll(async () => void (closed = await startComposer({ env: { COMPOSER_AUTH: 'required' } })), 60_000);
  afterAll(() => closed.stop());

  const CREDENTIALS: Record<string, string>[] = [
    {},
    { authorization: 'Bearer mcpc_made_up' },
    { 'x-api-key': 'mcpc_made_up' },
    { authorization: 'Basic YWRtaW46YWRtaW4=' },
    { 'x-forwarded-user': 'admin', 'x-tenant-id': '00000000-0000-0000-0000-000000000000' },
  ];

  it('answers every route that is not public with 401 and a challenge, whatever is sent along', async () => {
    const routes = (await documentedRoutes()).filter(([, path]) => !PUBLIC.includes(path));
    expect(routes.length).toBeGreaterThan(10);
    for (const [method, path] of routes) {
      for (const headers of CREDENTIALS) {
        const hasBody = method !== 'GET' && method !== 'DELETE';
        const json = hasBody ? { 'content-type': 'application/json' } : {};
        const body = hasBody ? { body: '{}' } : {};
        const answer = await send(closed.url, { method, path, headers: { ...json, ...headers }, ...body });
        expect([method, path, answer.status]).toEqual([method, path, 401]);
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
        expect(answer.json).toMatchObject({ ...PROBLEM, status: 401, code: 'COMPOSER_UNAUTHENTICATED' });
      }
    }
  });

  it('answers everything on /mcp with 401 and a challenge', async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const session = await openSession(open.url); // of another composer, which everybody may use
    for (const method of ['POST', 'GET', 'DELETE', 'PUT']) {
      for (const headers of [...CREDENTIALS, session]) {
        const answer = await send(closed.url, {
          method,
          headers: { ...JSON_HEADERS, ...headers },
          ...(method === 'POST' ? { body } : {}),
        });
        expect([method, answer.status]).toEqual([method, 401]);
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      }
    }
    expect((await modern(closed.url, 'server/discover')).status).toBe(401);
  });

  it('tells everybody whether it is healthy, and nothing of any tenant', async () => {
    for (const path of PUBLIC) {
      const { status, body } = await closed.api('GET', path);
      expect([path, status]).toEqual([path, 200]);
      expect(JSON.stringify(body)).not.toContain('servers');
    }
  });
});

describe('the REST API', () => {
  it.each([
    ['JSON that breaks off', '{"id":', 400],
    ['no JSON at all', 'hello', 400],
    ['an empty body', '', 422],
    ['a depth bomb', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 413],
    ['what nests deeper than any specification', `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`, 422],
    ['a key that means a prototype', '{"__proto__":{"admin":true}}', 400],
    ['a list', '[]', 422],
    ['null', 'null', 422],
  ])('answers %s with a problem', async (_what, body, status) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await send(open.url, { path: '/api/v1/servers', headers, body });
    expect(answer).toMatchObject({ status, json: { ...PROBLEM, status } });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  it('answers what it does not serve with a problem', async () => {
    const requests: [string, string, Record<string, string>, number, string?][] = [
      ['GET', '/nonsense', {}, 404],
      ['GET', '/api/v1/nonsense', {}, 404],
      ['GET', '/mcp/a/nonsense', {}, 404],
      ['GET', '/mcp/', {}, 404],
      ['GET', '/api/v1/servers/%zz', {}, 400],
      ['GET', '/api/v1/servers/%00', {}, 404],
      ['GET', `/api/v1/servers/${'x'.repeat(200)}`, {}, 404],
      ['DELETE', '/api/v1/servers', {}, 404],
      ['POST', '/api/v1/servers', { 'content-type': 'text/xml' }, 415, '<a/>'],
      ['GET', '/api/v1/servers', { origin: 'https://evil.example' }, 403],
      ['GET', '/api/v1/servers', { host: 'evil.example' }, 403],
    ];
    for (const [method, path, headers, status, body] of requests) {
      const answer = await send(open.url, { method, path, headers, ...(body === undefined ? {} : { body }) });
      expect([method, path.slice(0, 40), answer.status]).toEqual([method, path.slice(0, 40), status]);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(answer.json).toMatchObject({ ...PROBLEM, status });
    }
  });

  it('answers a body of 7 MiB with 413', async () => {
    const headers = { 'content-type': 'application/json' };
    const body = `"${'x'.repeat(7 * 1024 * 1024)}"`;
    const sent = send(open.url, { path: '/api/v1/servers', headers, body });
    const answer = await sent.catch((error: NodeJS.ErrnoException) => error);
    // Whoever goes on sending may find the connection closed before the answer is read.
    if ('code' in answer) expect(['ECONNRESET', 'EPIPE']).toContain(answer.code);
    else expect(answer).toMatchObject({ status: 413, json: { ...PROBLEM, status: 413 } });
    expect((await open.api('GET', '/health')).status).toBe(200);
  });

  it.each([
    ['a text', { label: 'a\u0000' }, 'label'],
    ['half of a surrogate pair', { tags: ['\ud800'] }, 'tags.0'],
    ['a key', { tools_description: { 'a\u0000': 'x' } }, 'tools_description'],
    ['a secret', { auth_strategy: 'basic', auth: { username: 'a', password: 'b\u0000' } }, 'auth.password'],
  ])('names what no database could keep: %s', async (_what, more, path) => {
    const config = { id: 'odd', type: 'http', endpoint: 'http://127.0.0.1:1', ...more };
    const { status, body } = await open.api('POST', '/api/v1/servers', config);
    expect({ status, faults: body.faults }).toEqual({ status: 422, faults: [{ path, message: expect.any(String) }] });
    const tool = await callTool(open.url, 'register_mcp_server', { config });
    expect(tool).toMatchObject({ isError: true, content: [{ text: expect.stringContaining(path) }] });
  });

  it('takes a specification whose texts no database could keep, and calls what it describes', async () => {
    const service = await startRestService({
      document: () =>
        openApiDocument({ 'GET /orders': { operationId: 'odd', description: 'NUL \u0000 and half \ud800' } }),
    });
    try {
      expect((await open.api('POST', '/api/v1/servers', service.member('odd'))).status).toBe(201);
      expect(await callTool(open.url, 'odd_odd')).toMatchObject({ structuredContent: { orders: expect.any(Array) } });
    } finally {
      await open.api('DELETE', '/api/v1/servers/odd');
      await service.stop();
    }
  });

  it('lets a request name its type although it has no body', async () => {
    for (const [method, path] of [
      ['POST', '/1/activate'],
      ['POST', '/1/deactivate'],
      ['DELETE', '/1'],
    ] as const) {
      const headers = { 'content-type': 'application/json' };
      const answer = await send(open.url, { method, path: `/api/v1/servers${path}`, headers });
      expect(answer).toMatchObject({ status: 404, json: { code: 'COMPOSER_SERVER_UNKNOWN' } });
    }
  });

  it('answers an unknown id on every route of a server with one text, byte for byte but for the request', async () => {
    const routes = (await documentedRoutes()).filter(([, path]) => path.startsWith('/api/v1/servers/1'));
    const texts = new Set<string>();
    for (const [method, path] of routes) {
      for (const id of [
        'nobody',
        'a-foreign-one',
        '..',
        '\u0000',
        'a\u0000',
        'a b',
        'x'.repeat(64),
        'x'.repeat(2000),
      ]) {
        const target = path.replace('/servers/1', `/servers/${encodeURIComponent(id)}`);
        const body =
          method === 'PUT' || method === 'PATCH' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {};
        const answer = await send(open.url, { method, path: target, ...body });
        if (id === '..' && answer.json.code === 'COMPOSER_HTTP_404') continue; // a dot segment names no route
        expect([method, target, answer.status]).toEqual([method, target, 404]);
        const { requestId } = answer.json as Problem;
        expect(requestId).toEqual(expect.any(String));
        texts.add(answer.text.replace(String(requestId), ''));
      }
    }
    expect([...texts]).toHaveLength(1);
  });

  it('gives each request an id of its own, which its sender cannot choose', async () => {
    const ids = new Set<string>();
    for (const id of ['a', 'a', 'b']) {
      const headers = { 'request-id': id, 'x-request-id': id };
      ids.add((await send(open.url, { method: 'GET', path: '/nonsense', headers })).json.requestId);
    }
    expect(ids.size).toBe(3);
    expect([...ids].filter((id) => id.length < 8)).toEqual([]);
  });
});

function isPolicy(policy: unknown): boolean {
  if (typeof policy !== 'object' || policy === null || !('kind' in policy)) return false;
  if (policy.kind === 'public' || policy.kind === 'principals') return true;
  return 'roles' in policy && Array.isArray(policy.roles) && policy.roles.length > 0;
}
