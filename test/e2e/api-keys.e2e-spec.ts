import { randomBytes } from 'node:crypto';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { send } from '../fixtures/mcp-clients.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { commandLines, keyCommand } from '../fixtures/tenant-client.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type CommandLine, commandLine } from '../support/command-line.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const TOKEN = 'token-of-the-member';

describe('API keys, in production, on a Postgres that was empty', () => {
  let database: TwoRoles;
  let service: RestService;
  let composer: ComposerProcess;
  let commands: CommandLine;
  const keys: Record<'acme' | 'caller' | 'globex' | 'operator', string> = {
    acme: '',
    caller: '',
    globex: '',
    operator: '',
  };

  beforeAll(async () => {
    [database, service] = await Promise.all([
      openTwoRoles(),
      startRestService({ check: ({ headers }) => headers.authorization === `Bearer ${TOKEN}` }),
    ]);
    const env = {
      ...database.env,
      COMPOSER_STAGE: 'production',
      COMPOSER_KEYS: `test:${randomBytes(32).toString('base64')}`,
      EGRESS_ALLOW: '127.0.0.0/8:*',
    };
    commands = commandLine(env);
    const answers = await commandLines(env, [
      ...['acme', 'globex'].map((tenant) => ['tenant', 'create', tenant]),
      keyCommand('acme', 'admin'),
      keyCommand('acme', 'caller'),
      keyCommand('globex', 'admin'),
      keyCommand('default', 'operator'),
    ]);
    [keys.acme = '', keys.caller = '', keys.globex = '', keys.operator = ''] = answers
      .slice(2)
      .map(({ key }) => key as string);
    composer = await startComposer({ env });
    const made = await api('acme', 'POST servers', {
      ...service.member('shop'),
      auth_strategy: 'bearer',
      auth: { token: TOKEN },
    });
    expect(made.status).toBe(201);
  }, 180_000);
  afterAll(async () => {
    await composer?.stop();
    commands?.remove();
    await Promise.all([service?.stop(), database?.remove()]);
  });

  const api = (as: keyof typeof keys, route: string, body?: object) =>
    send(composer.url, {
      method: route.split(' ')[0]!,
      path: `/api/v1/${route.split(' ')[1]!}`,
      headers: {
        authorization: `Bearer ${keys[as]}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  async function connected(headers: Record<string, string>): Promise<Client> {
    const client = new Client({ name: 'acceptance', version: '1.0.0' });
    const requestInit = { headers };
    await client.connect(new StreamableHTTPClientTransport(new URL(composer.mcpUrl), { requestInit }));
    return client;
  }

  it('let the official client list and call, in either header', async () => {
    for (const headers of [{ authorization: `Bearer ${keys.acme}` }, { 'x-api-key': keys.caller }]) {
      const client = await connected(headers);
      try {
        expect((await client.listTools()).tools.map(({ name }) => name)).toContain('shop_get_order');
        const result = await client.callTool({ name: 'shop_get_order', arguments: { orderId: '7' } });
        expect(result).toMatchObject({ structuredContent: { id: '7' } });
      } finally {
        await client.close();
      }
    }
  });

  it('let nobody in who has none, a wrong one, or presents it in the address', async () => {
    const wrong = `${keys.acme.slice(0, -1)}${keys.acme.endsWith('A') ? 'B' : 'A'}`;
    for (const headers of [{}, { authorization: `Bearer ${wrong}` }, { 'x-api-key': wrong }]) {
      await expect(connected(headers)).rejects.toThrow();
      for (const path of ['/mcp', `/mcp?access_token=${keys.acme}`]) {
        const answer = await send(composer.url, { path, headers, body: '{}' });
        expect([path, answer.status]).toEqual([path, 401]);
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      }
    }
    const two = { authorization: `Bearer ${keys.acme}`, 'x-api-key': keys.globex };
    expect((await send(composer.url, { headers: two, body: '{}' })).status).toBe(400);
  });

  it('open the caller’s own tenant alone', async () => {
    const client = await connected({ authorization: `Bearer ${keys.globex}` });
    const names = (await client.listTools()).tools.map(({ name }) => name);
    await client.close();
    expect(names.filter((name) => name.startsWith('shop_'))).toEqual([]);
    expect((await api('globex', 'GET servers')).json.items).toEqual([]);
    const id = keys.acme.slice(5, 41);
    const [foreign, unknown] = [
      await api('globex', `DELETE api-keys/${id}`),
      await api('globex', 'DELETE api-keys/unknown'),
    ];
    const bare = ({ status, json }: typeof foreign) => ({ status, ...json, requestId: '' });
    expect(bare(foreign)).toEqual(bare(unknown));
    expect((await api('acme', 'GET servers')).status).toBe(200);
  });

  it('are made and revoked over REST, and a revoked one is worth nothing at once', async () => {
    expect((await api('caller', 'POST api-keys', { role: 'caller' })).json.code).toBe('COMPOSER_FORBIDDEN');
    const { json } = await api('acme', 'POST api-keys', { role: 'caller', name: 'short-lived' });
    const client = await connected({ authorization: `Bearer ${json.key}` });
    await client.listTools();
    await client.close();
    expect((await api('acme', `DELETE api-keys/${json.id}`)).status).toBe(204);
    expect((await send(composer.url, { headers: { 'x-api-key': json.key }, body: '{}' })).status).toBe(401);
  });

  it('let the operator manage tenants, and administrators not', async () => {
    expect((await api('operator', 'POST tenants', { slug: 'initech' })).status).toBe(201);
    expect((await api('acme', 'GET tenants')).json.code).toBe('COMPOSER_FORBIDDEN');
    const suspended = await api('operator', 'PATCH tenants/globex', { suspended: true });
    expect(suspended.json).toMatchObject({ suspended: true });
    expect((await api('globex', 'GET servers')).status).toBe(401);
    await api('operator', 'PATCH tenants/globex', { suspended: false });
    expect((await api('globex', 'GET servers')).status).toBe(200);
    expect((await api('operator', 'DELETE tenants/initech')).status).toBe(204);
  });

  it('slow down whoever guesses, and nobody who was let in', async () => {
    await api('acme', 'GET servers');
    const guess = () => `Bearer mcpc_${keys.acme.slice(5, 41)}_${randomBytes(32).toString('base64url')}`;
    const guessing = () => send(composer.url, { method: 'GET', path: '/api/v1/servers', headers: { authorization: guess() } }); // prettier-ignore
    const answers = [];
    for (let n = 0; n < 60; n++) answers.push(await guessing());
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.json).toMatchObject({ code: 'COMPOSER_RATE_LIMITED', status: 429 });
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
    expect(answers[0]?.status).toBe(401);
    expect((await api('acme', 'GET servers')).status).toBe(200);
  });

  it('tell when they were last used, also of the last moment before a stop', async () => {
    await api('globex', 'GET servers');
    expect((await composer.kill('SIGTERM')).code).toBe(0);
    const { keys: listed } = await commands.json('key', 'list', '--tenant', 'globex');
    expect(listed[0].lastUsedAt).toMatch(/:00\.000Z$/);
  });

  it('stand in no table and in no line of the log', async () => {
    const everything = (await database.dump()) + composer.stderr();
    for (const key of Object.values(keys)) {
      const secret = key.slice(-43);
      expect(everything).not.toContain(secret);
      expect(everything).not.toContain(Buffer.from(secret, 'base64url').toString('latin1'));
    }
  });
});
