import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { CloudantConfig } from '#persistence';
import { type CloudantServer, type Fault, cloudantEnvironment, openCloudantServer, until } from '#persistence/testing';
import { callTool, connect, toolNames } from '../fixtures/mcp-clients.js';
import { type McpMember, startLegacyMember } from '../fixtures/mcp-members.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { spellingsOf } from '../fixtures/secret-spellings.js';
import { hostedEnv } from '../fixtures/tenant-client.js';
import { commandLine } from '../support/command-line.js';
import { type ApiAnswer, type ComposerProcess, startComposer } from '../support/composer-process.js';

const TOKENS = { rest: 'canary-Bearer"9/+=2-of-a-service', mcp: 'canary-bearer-of-an-mcp-member' };
const admits = (token: string) => (authorization: string | undefined) => authorization === `Bearer ${token}`;

interface Stage {
  readonly cloudant: CloudantServer;
  readonly config: CloudantConfig;
  readonly service: RestService;
  readonly member: McpMember;
  readonly env: Record<string, string>;
  close(): Promise<void>;
}

/** A Cloudant and two members, and the environment of composers that know of no other database. */
async function openStage(way: CloudantConfig['authentication']['type']): Promise<Stage> {
  const [cloudant, service, member] = await Promise.all([
    openCloudantServer(),
    startRestService({ check: ({ headers }) => admits(TOKENS.rest)(headers.authorization) }),
    startLegacyMember({ admits: ({ authorization }) => admits(TOKENS.mcp)(authorization) }),
  ]);
  const config = cloudant.database(way);
  const keys = `test:${randomBytes(32).toString('base64')}`;
  return {
    cloudant,
    config,
    service,
    member,
    env: { ...cloudantEnvironment(config), COMPOSER_KEYS: keys, LOG_LEVEL: 'debug' },
    close: async () => void (await Promise.all([service.stop(), member.close(), cloudant.close()])),
  };
}

const bearer = (token: string) => ({ auth_strategy: 'bearer', auth: { token } });

describe.each(['iam', 'basic', 'session'] as const)('a composer with everything in Cloudant, by %s', (way) => {
  let stage: Stage;
  let running: ComposerProcess;
  let output = '';
  beforeAll(async () => {
    stage = await openStage(way);
    running = await startComposer({ env: stage.env });
  }, 60_000);
  afterEach(() => stage.cloudant.front.faults.clear());
  afterAll(async () => {
    await running?.stop();
    await stage?.close();
  });

  const killAndStart = async () => {
    const { stdout, stderr } = await running.kill('SIGKILL');
    output += stdout + stderr;
    running = await startComposer({ env: stage.env });
  };
  /** As a client does that knows of retryable answers. */
  const insist = async (method: string, path: string, body?: unknown): Promise<ApiAnswer> => {
    for (let tries = 0; ; tries++) {
      const answer = await running.api(method, path, body);
      if (tries > 20 || ![409, 429, 503].includes(answer.status)) return answer;
      const isThere = answer.body.code === 'COMPOSER_SERVER_EXISTS';
      if (isThere) return { ...answer, status: 201 }; // the try before it came through
    }
  };
  const callsBoth = async () => {
    const client = await connect(running.mcpUrl, 'modern');
    try {
      const order = await client.callTool({ name: 'shop_get_order', arguments: { orderId: '7' } });
      expect(order).toMatchObject({ structuredContent: { id: '7' } });
      const echo = await client.callTool({ name: 'tools_echo', arguments: { message: 'hi' } });
      expect(echo).toMatchObject({ content: [{ text: 'legacy: hi' }] });
    } finally {
      await client.close();
    }
  };

  it('registers, calls, dies and calls again, while Cloudant is at its worst', async () => {
    const faults: readonly Fault[] = [
      { kind: 'answer', status: 409 },
      { kind: 'accepted' },
      { kind: 'lost' },
      { kind: 'answer', status: 429 },
      { kind: 'answer', status: 503 },
      { kind: 'cut' },
    ];
    for (const fault of faults) stage.cloudant.front.faults.inject({ method: 'PUT', path: /:/, fault, share: 1 / 13 });
    stage.cloudant.front.faults.inject({ method: 'GET', path: /:/, fault: faults[3]!, share: 1 / 7 });
    stage.cloudant.front.faults.inject({ method: 'POST', path: /_all_docs$/, fault: faults[4]!, share: 1 / 7 });
    const rest = await insist('POST', '/api/v1/servers', stage.service.member('shop', bearer(TOKENS.rest)));
    expect(rest.status).toBe(201);
    const mcp = { id: 'tools', type: 'http', endpoint: stage.member.url, ...bearer(TOKENS.mcp) };
    expect((await insist('POST', '/api/v1/servers', mcp)).status).toBe(201);
    await callsBoth();
    await killAndStart();
    await callsBoth();
    expect((await insist('PATCH', '/api/v1/servers/shop', { label: 'renamed' })).status).toBe(200);
    const seen = new Set(stage.cloudant.front.requests.map(({ status }) => status));
    expect([...seen]).toEqual(expect.arrayContaining([201, 202, 409, 429, 503, 0]));
    await killAndStart();
    await callsBoth();
    expect((await running.api('GET', '/api/v1/servers/shop')).body).toMatchObject({ label: 'renamed' });
    expect((await insist('DELETE', '/api/v1/servers/tools')).status).toBe(204);
    await killAndStart();
    expect((await toolNames(running.url)).filter((name) => name.startsWith('tools_'))).toEqual([]);
  }, 180_000);

  it('records what was done, in a trail that holds', async () => {
    await callTool(running.url, 'shop_get_order', { orderId: '7' });
    const actions = async () => {
      const { body } = await running.api('GET', '/api/v1/audit?limit=100');
      return (body.items as { action: string }[]).map(({ action }) => action);
    };
    await until(async () => (await actions()).includes('tool.called'), 'the call to be recorded', 5_000);
    expect(await actions()).toEqual(expect.arrayContaining(['server.registered', 'server.updated', 'server.deleted']));
    expect(await running.api('GET', '/api/v1/audit/verification')).toMatchObject({ body: { intact: true } });
  });

  it('is well, and says so when Cloudant is away', async () => {
    await callTool(running.url, 'shop_get_order', { orderId: '7' });
    expect(await running.api('GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
    stage.cloudant.front.faults.inject({ fault: { kind: 'answer', status: 503 } });
    const away = await running.api('GET', '/health');
    expect(away).toMatchObject({ status: 503, body: { details: { database: { status: 'down' } } } });
    expect((await running.api('GET', '/health/ready')).status).toBe(200);
    expect(await running.api('GET', '/api/v1/servers')).toMatchObject({
      status: 503,
      body: { code: 'COMPOSER_DATABASE_UNAVAILABLE' },
    });
    await callTool(running.url, 'shop_get_order', { orderId: '7' });
  }, 60_000);

  it('leaves no secret in its documents nor in its log, and nothing in its data directory', async () => {
    await killAndStart();
    const documents = (await stage.cloudant.raw(stage.config.database)).map(readable).join('\n');
    expect(documents).toContain('"server.registered');
    const { authentication } = stage.config;
    const own = authentication.type === 'iam' ? authentication.apikey : authentication.password;
    for (const spelling of [...spellingsOf(TOKENS.rest), ...spellingsOf(TOKENS.mcp)]) {
      expect(documents.includes(spelling)).toBe(false);
      expect(output.includes(spelling)).toBe(false);
    }
    for (const spelling of spellingsOf(own)) expect(output.includes(spelling)).toBe(false);
    expect(output).not.toMatch(/postgres|PGlite/i);
    expect(existsSync(running.dataDir)).toBe(false);
  }, 60_000);
});

describe('composers on one Cloudant', () => {
  let stage: Stage;
  let composers: readonly ComposerProcess[];
  beforeAll(async () => {
    stage = await openStage('basic');
    composers = await Promise.all([1, 2].map(() => startComposer({ env: stage.env })));
  }, 60_000);
  afterAll(async () => {
    await Promise.all((composers ?? []).map((composer) => composer.stop()));
    await stage?.close();
  });

  it('follow each other within three seconds, and agree when they change the same', async () => {
    const [one, two] = composers as [ComposerProcess, ComposerProcess];
    const member = stage.service.member('shop', bearer(TOKENS.rest));
    const made = await Promise.all(
      composers.map(({ api }, n) => api.call(composers[n]!, 'POST', '/api/v1/servers', member)),
    );
    expect(made.map(({ status }) => status).sort()).toEqual([201, 409]);
    for (const { url } of composers) {
      await until(async () => (await toolNames(url)).includes('shop_get_order'), `the member on ${url}`, 3_000);
    }
    let changed = 0;
    for (let round = 1; round <= 3; round++) {
      const label = (n: number) => `${round}.${n}`;
      const changes = await Promise.all(
        composers.map((each, n) => each.api('PATCH', '/api/v1/servers/shop', { label: label(n) })),
      );
      const taken = changes.flatMap(({ status }, n) => (status === 200 ? [label(n)] : []));
      expect(taken.length).toBeGreaterThan(0);
      expect(changes.filter(({ status }) => status !== 200 && status !== 409)).toEqual([]);
      changed += taken.length;
      const [a, b] = await Promise.all(composers.map((each) => each.api('GET', '/api/v1/servers/shop')));
      expect(taken).toContain(a!.body.label);
      expect(b!.body).toEqual(a!.body);
    }
    const { body } = await one.api('GET', '/api/v1/audit?limit=100');
    const updates = (body.items as { action: string }[]).filter(({ action }) => action === 'server.updated');
    expect(updates).toHaveLength(changed);
    expect((await two.api('POST', '/api/v1/servers/shop/deactivate')).status).toBeLessThan(300);
    await until(async () => !(await toolNames(one.url)).includes('shop_get_order'), 'it to be gone', 3_000);
  }, 60_000);
});

describe('tenants of a composer with everything in Cloudant', () => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage('iam')), 60_000);
  afterAll(() => stage?.close());

  it('are made by command line, and call with their keys', async () => {
    const env = { ...hostedEnv(stage.env), COMPOSER_KEYS: stage.env['COMPOSER_KEYS']! };
    const commands = commandLine(env);
    expect(await commands.json('migrate')).toEqual({ applied: [] });
    expect(await commands.json('check')).toEqual({ valid: true, faults: [] });
    await commands.json('tenant', 'create', 'acme');
    const { key } = await commands.json('key', 'create', '--tenant', 'acme', '--role', 'admin');
    const composer = await startComposer({ env });
    const ask = (path: string, authorization: string) =>
      fetch(`${composer.url}/api/v1${path}`, { headers: { authorization } });
    expect((await ask('/servers', `Bearer ${key}`)).status).toBe(200);
    expect((await ask('/servers', `Bearer ${key}x`)).status).toBe(401);
    expect(await commands.json('audit', 'verify', '--tenant', 'acme')).toMatchObject({ intact: true });
    await composer.stop();
    commands.remove();
  }, 120_000);
});

/** A document as text, with what is compressed in it. */
function readable(document: Record<string, unknown>): string {
  const { z, _attachments: attachments = {} } = document as {
    z?: string;
    _attachments?: Record<string, { data: string }>;
  };
  const parts = Object.values(attachments).map(({ data }) => Buffer.from(data, 'base64'));
  const packed = z === undefined ? Buffer.concat(parts) : Buffer.from(z, 'base64');
  return JSON.stringify(document) + (packed.length > 0 ? gunzipSync(packed).toString() : '');
}
