import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../fixtures/eventually.js';
import { callTool, toolNames } from '../fixtures/mcp-clients.js';
import { type McpMember, freePort, startLegacyMember, startModernMember } from '../fixtures/mcp-members.js';
import { sent } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { startSentinel } from '../fixtures/sentinel.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const TOKEN = 'the-token-that-was-entered';
const MARKER = { set: true };

let composer: ComposerProcess;
let service: RestService;

beforeAll(async () => void (composer = await startComposer()), 60_000);
afterAll(() => composer.stop());

/** A member whose service answers 401 to everything but the token. */
beforeEach(async () => {
  service = await startRestService({ check: ({ headers }) => headers.authorization === `Bearer ${TOKEN}` });
  const config = service.member('shop', { auth_strategy: 'bearer', auth: { token: TOKEN }, label: 'first' });
  expect((await composer.api('POST', '/api/v1/servers', config)).status).toBe(201);
});

afterEach(async () => {
  await composer.api('DELETE', '/api/v1/servers/shop');
  await service.stop();
});

const shop = (method: string, body?: unknown, path = '') => composer.api(method, `/api/v1/servers/shop${path}`, body);
const call = () => callTool(composer.url, 'shop_get_order', { orderId: '7' });

describe('a stored secret', () => {
  it('stays when its marker comes back, by PUT and by PATCH', async () => {
    const { _meta, ...shown } = (await shop('GET')).body;
    expect(shown.auth).toMatchObject({ token: MARKER });
    expect((await shop('PUT', { ...shown, label: 'second' })).body).toMatchObject({ label: 'second' });
    expect(await call()).toMatchObject({ structuredContent: { id: '7' } });
    expect((await shop('PATCH', { auth: { token: MARKER }, label: 'third' })).body).toMatchObject({ label: 'third' });
    expect(await call()).toMatchObject({ structuredContent: { id: '7' } });
    expect((await shop('PATCH', { label: 'fourth' })).status).toBe(200);
    expect(await call()).toMatchObject({ structuredContent: { id: '7' } });
  });

  it.each([
    ['another endpoint', (url: string) => ({ open_api: { endpoint: url } })],
    ['another strategy', () => ({ auth_strategy: 'apitoken', auth: { token: MARKER } })],
    ['another prefix', () => ({ auth: { auth_prefix: 'Token' } })],
  ])('is void with %s, and not one byte goes there until it is entered again', async (_what, patchOf) => {
    const sentinel = await startSentinel();
    try {
      service.forget();
      const moved = await shop('PATCH', patchOf(sentinel.url));
      expect(moved.status).toBe(200);
      expect(moved.body).toMatchObject({
        auth: { token: { set: false } },
        _meta: { state: 'needs_reentry', needs_reentry: ['auth.token'] },
      });
      const health = async () => (await shop('GET', undefined, '/health')).body;
      await eventually(async () => expect(await health()).toMatchObject({ status: 'Down', state: 'needs_reentry' }));
      await shop('POST', undefined, '/activate');
      await eventually(async () => expect((await health()).detail).toContain('auth.token must be entered again'));
      expect([sentinel.connections(), service.calls()]).toEqual([0, []]);
      expect([sentinel.connections(), service.calls()]).toEqual([0, []]);

      const back = { open_api: { endpoint: service.url }, auth_strategy: 'bearer' };
      expect((await shop('PATCH', { ...back, auth: { token: TOKEN, auth_prefix: null } })).status).toBe(200);
      expect(await call()).toMatchObject({ structuredContent: { id: '7' } });
    } finally {
      await sentinel.close();
    }
  });

  it('is kept for no tool that has none of its own', async () => {
    const refused = await shop('PATCH', {
      tool_auth: { get_order: { auth_strategy: 'bearer', auth: { token: MARKER } } },
    });
    expect([refused.status, refused.body.faults[0].path]).toEqual([422, 'tool_auth.get_order.auth.token']);
  });

  it('of a header and of a tool is void at another address too, whatever else is entered', async () => {
    const sentinel = await startSentinel();
    try {
      const config = {
        headers: { 'X-Static': 'static-secret' },
        tool_auth: { list_orders: { auth_strategy: 'apikey', auth: { apikey: 'tool-secret' } } },
      };
      expect((await shop('PATCH', config)).status).toBe(200);
      const moved = await shop('PATCH', {
        open_api: { endpoint: sentinel.url },
        auth: { token: 'entered-again' },
      });
      expect(moved.body._meta.needs_reentry).toEqual(['headers.X-Static', 'tool_auth.list_orders.auth.apikey']);
      expect(sentinel.connections()).toBe(0);
    } finally {
      await sentinel.close();
    }
  });

  it('goes to another address when it is entered again', async () => {
    const other = await startRestService();
    try {
      const patch = { open_api: { endpoint: other.url, spec_url: other.specUrl }, auth: { token: 'for-the-other' } };
      expect((await shop('PATCH', patch)).status).toBe(200);
      await call();
      expect(sent(other.calls().at(-1)!, 'authorization')).toEqual(['Bearer for-the-other']);
    } finally {
      await other.stop();
    }
  });

  it('is not needed any more when the strategy changes to none', async () => {
    const { status, body } = await shop('PATCH', { auth_strategy: 'none' });
    expect(status).toBe(200);
    expect(body.auth).toEqual({});
    service.forget();
    await call();
    expect(sent(service.calls()[0]!, 'authorization')).toEqual([]);
  });
});

describe('PATCH', () => {
  it('merges objects, removes with null and replaces everything else (RFC 7396)', async () => {
    await shop('PATCH', { tags: ['a', 'b'], tools_description: { get_order: 'one', list_orders: 'two' }, timeout: 9 });
    const { body } = await shop('PATCH', {
      tags: ['c'],
      tools_description: { get_order: null, create_order: 'three' },
      timeout: null,
    });
    expect(body).toMatchObject({ tags: ['c'], timeout: 60, label: 'first' });
    expect(body.tools_description).toEqual({ list_orders: 'two', create_order: 'three' });
    expect(body._meta.version).toBe(3);
  });

  it('takes its own media type as well as plain JSON', async () => {
    const answer = await fetch(`${composer.url}/api/v1/servers/shop`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ label: 'patched' }),
    });
    expect([answer.status, ((await answer.json()) as { label: string }).label]).toEqual([200, 'patched']);
  });

  it('cannot rename a server', async () => {
    expect((await shop('PATCH', { id: 'store' })).body).toMatchObject({ status: 422, faults: [{ path: 'id' }] });
  });
});

describe('PUT', () => {
  it('takes the input as the whole configuration', async () => {
    await shop('PATCH', { tags: ['a'] });
    const config = service.member('shop', { auth_strategy: 'bearer', auth: { token: TOKEN } });
    expect((await shop('PUT', config)).body).toMatchObject({ tags: [], label: '' });
  });

  it('of an unknown server is a 404 that creates nothing', async () => {
    const answer = await composer.api('PUT', '/api/v1/servers/nobody', service.member('nobody'));
    expect([answer.status, answer.body.code]).toEqual([404, 'COMPOSER_SERVER_UNKNOWN']);
  });
});

describe('a deactivated member', () => {
  it('keeps its configuration, secret included, and offers nothing until it is activated', async () => {
    expect((await shop('POST', undefined, '/deactivate')).body).toMatchObject({ status: 'deactivated' });
    expect(await toolNames(composer.url)).not.toContain('shop_get_order');
    await expect(call()).rejects.toThrow('-32602');
    expect((await shop('PATCH', { label: 'asleep' })).status).toBe(200);
    expect(await toolNames(composer.url)).not.toContain('shop_get_order');
    expect((await shop('POST', undefined, '/activate')).body).toMatchObject({ status: 'active', label: 'asleep' });
    expect(await call()).toMatchObject({ structuredContent: { id: '7' } });
  });
});

describe('an update', () => {
  it.each([
    [
      'whose specification cannot be had',
      async () => ({ open_api: { spec_url: `http://127.0.0.1:${await freePort()}/` } }),
    ],
    [
      'whose service is not there',
      async () => ({ open_api: { endpoint: `http://127.0.0.1:${await freePort()}` }, auth: { token: 'x' } }),
    ],
    ['that does not fit', async () => ({ timeout: -1, unknown: true })],
    ['with a specification that is none', async () => ({ open_api: { spec_url: null, spec: { openapi: '9' } } })],
  ])('%s is refused, and the old member serves during and after', async (_what, patchOf) => {
    const calls = callingInALoop();
    const refused = await shop('PATCH', await patchOf());
    expect(refused.status).toBe(422);
    const { failures, done } = await calls.stop();
    expect({ failures, some: done > 0 }).toEqual({ failures: [], some: true });
    expect(await call()).toMatchObject({ structuredContent: { id: '7' } });
    expect((await shop('GET')).body._meta.version).toBe(1);
    expect((await shop('GET', undefined, '/versions')).body.items).toHaveLength(1);
  });

  it('loses no call: calls run in a loop while the configuration changes twenty times', async () => {
    const calls = callingInALoop(8);
    for (let round = 1; round <= 20; round++) {
      expect((await shop('PATCH', { label: `round ${round}`, timeout: 30 + round })).status).toBe(200);
    }
    const { failures, done } = await calls.stop();
    expect(failures).toEqual([]);
    expect(done).toBeGreaterThan(20);
  });

  it.each([
    ['legacy', startLegacyMember],
    ['modern', startModernMember],
  ] as const)('lets a call at a member of the %s era finish that was under way', async (_era, start) => {
    const member: McpMember = await start();
    try {
      await composer.api('POST', '/api/v1/servers', { id: 'mcp', type: 'http', endpoint: member.url });
      const calls = Array.from({ length: 10 }, (_, n) => callTool(composer.url, 'mcp_echo', { message: `m${n}` }));
      for (let round = 0; round < 5; round++) {
        expect((await composer.api('PATCH', '/api/v1/servers/mcp', { label: `r${round}` })).status).toBe(200);
        calls.push(
          ...Array.from({ length: 10 }, (_, n) => callTool(composer.url, 'mcp_echo', { message: `${round}.${n}` })),
        );
      }
      const texts = (await Promise.all(calls)).map(({ content }) => content[0].text);
      expect(texts.filter((text) => !/^(legacy|modern): /.test(text))).toEqual([]);
    } finally {
      await composer.api('DELETE', '/api/v1/servers/mcp');
      await member.close();
    }
  });

  it('of two at once never mixes them: each is a version of its own', async () => {
    const labels = Array.from({ length: 10 }, (_, n) => `parallel ${n}`);
    const answers = await Promise.all(labels.map((label) => shop('PATCH', { label })));
    const stored = answers.filter(({ status }) => status === 200);
    expect(stored.length + answers.filter(({ status }) => status === 409).length).toBe(10);
    expect(new Set(stored.map(({ body }) => body._meta.version)).size).toBe(stored.length);
    const { body } = await shop('GET');
    expect(body._meta.version).toBe(1 + stored.length);
    expect(stored.find((answer) => answer.body._meta.version === body._meta.version)!.body.label).toBe(body.label);
  });

  it('of one id by ten registrations at once lets one through', async () => {
    const config = service.member('fresh');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => composer.api('POST', '/api/v1/servers', config)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
    await composer.api('DELETE', '/api/v1/servers/fresh');
  });

  it('can be taken back: a former version comes back with the secret that it had', async () => {
    expect((await shop('PATCH', { auth: { token: 'another-token' }, label: 'second' })).status).toBe(200);
    expect(await call()).toMatchObject({ isError: true });
    const { body, status } = await shop('POST', undefined, '/versions/1/restore');
    expect({ status, label: body.label, version: body._meta.version }).toEqual({
      status: 200,
      label: 'first',
      version: 3,
    });
    expect(await call()).toMatchObject({ structuredContent: { id: '7' } });
    for (const version of ['99', '0', '-1', 'x', '1.5', '1e999']) {
      expect((await shop('POST', undefined, `/versions/${version}/restore`)).status).toBe(404);
    }
  });
});

/** Calls the member's tool again and again, `width` at a time, until it is stopped. */
function callingInALoop(width = 4) {
  const failures: unknown[] = [];
  let isOn = true;
  let done = 0;
  const lane = async () => {
    while (isOn) {
      try {
        const result = await call();
        if (result.isError) failures.push(result.content[0].text);
        else done++;
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  const lanes = Array.from({ length: width }, lane);
  return {
    async stop() {
      isOn = false;
      await Promise.all(lanes);
      return { failures: failures.slice(0, 5), done };
    },
  };
}
