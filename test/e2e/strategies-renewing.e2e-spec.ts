import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type GuardedMember,
  KINDS,
  type Kind,
  type SeenRequest,
  UNAUTHORIZED,
  startGuardedMember,
} from '#builder/testing';
import { type TokenService, startTokenService } from '../../scripts/demo/token-service.mjs';
import { eventually } from '../fixtures/eventually.js';
import { callTool } from '../fixtures/mcp-clients.js';
import { startModernMember } from '../fixtures/mcp-members.js';
import { sent } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type SessionService, startSessionService } from '../fixtures/session-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

type Config = Readonly<Record<string, unknown>>;

const LONG = 90_000;
const REFUSED = /^.*(client|grant).*\(invalid_(request|grant)\)/;

let composer: ComposerProcess;
/** What to end after each test, the last first. */
let stops: (() => Promise<unknown>)[];

beforeAll(async () => void (composer = await startComposer()), 60_000);
afterAll(() => composer.stop());
beforeEach(() => void (stops = []));
afterEach(async () => {
  for (const stop of stops.toReversed()) await stop();
});

/** Gives what is wrong with the member as far as is known by then. */
const register = async (config: Config): Promise<string | undefined> => {
  const { status, body } = await composer.api('POST', '/api/v1/servers', config);
  stops.push(() => composer.api('DELETE', `/api/v1/servers/${String(config['id'])}`));
  expect({ status, faults: body.faults }).toEqual({ status: 201 });
  return body._meta.problem;
};
const tokens = async (lifeSeconds = () => 3600): Promise<TokenService> =>
  startTokenService({ lifeSeconds, own: (stop) => void stops.push(stop) });
const shopThat = async (check: NonNullable<Parameters<typeof startRestService>[0]>['check']): Promise<RestService> => {
  const shop = await startRestService(check ? { check } : {});
  stops.push(() => shop.stop());
  return shop;
};
const guarded = async (kind: Kind, guard: GuardedMember['guard']): Promise<GuardedMember> => {
  const member = await startGuardedMember(kind);
  stops.push(() => member.close());
  member.guard = guard;
  return member;
};
/** Each greeting is asked for once, and once more where its credential has ended since. */
const greetThreeTimes = async (member: GuardedMember, between: (count: number) => void): Promise<void> => {
  for (let count = 1; count <= 3; count += 1) {
    member.forget();
    const result = await callTool(composer.url, `guarded_${member.tool('guarded')}`, member.argumentsFor('Ada'));
    expect(result.content[0].text).toContain('Hello, Ada!');
    expect([member.calls().length, member.greetings()]).toEqual([count === 1 ? 1 : 2, 1]);
    between(count);
  }
};
const order = (id: string, server = 'shop') => callTool(composer.url, `${server}_get_order`, { orderId: id });

describe.each(['iam', 'json', 'client', 'refresh', 'turbo', 'basic-get', 'basic-post'])(
  'dynamic_bearer, asking in the form "%s"',
  (id) => {
    const formOf = async (lifeSeconds?: () => number) => {
      const form = (await tokens(lifeSeconds)).forms.find((one) => one.id === id)!;
      return { form, auth: { auth_strategy: 'dynamic_bearer', auth: form.auth } };
    };

    it('carries the token to an API, and has another one when it is refused', async () => {
      const { form, auth } = await formOf();
      const shop = await shopThat(({ headers }) => form.admits(headers.authorization));
      expect(await register(shop.member('shop', auth))).toBeUndefined();
      shop.forget();
      for (let count = 1; count <= 3; count += 1) {
        expect(await order('7')).toMatchObject({ structuredContent: { id: '7' } });
        expect(form.asked).toHaveLength(count);
        form.end();
      }
      expect(form.asked.every(({ wrong }) => wrong.length === 0)).toBe(true);
      expect(shop.calls().map((call) => form.admits(sent(call, 'authorization')[0]))).toHaveLength(5);
      expect(composer.stderr()).not.toContain(form.auth[form.secret]);
    });

    it.each(KINDS)('carries it to a member of type %s, and renews it there', async (kind) => {
      const { form, auth } = await formOf();
      const member = await guarded(kind, ({ headers }) =>
        form.admits(headers.authorization) ? undefined : UNAUTHORIZED,
      );
      expect(await register(member.config('guarded', auth))).toBeUndefined();
      await greetThreeTimes(member, (count) => {
        expect(form.asked).toHaveLength(count);
        form.end();
      });
      expect(form.asked.every(({ wrong }) => wrong.length === 0)).toBe(true);
    });

    it('carries it to an MCP member of the modern era, and renews it there', async () => {
      const { form, auth } = await formOf();
      const member = await startModernMember({ admits: ({ authorization }) => form.admits(authorization) });
      stops.push(() => member.close());
      await register({ id: 'mcp', type: 'http', endpoint: member.url, ...auth });
      for (let count = 1; count <= 3; count += 1) {
        const result = await callTool(composer.url, 'mcp_echo', { message: 'in' });
        expect(result).toMatchObject({ content: [{ text: 'modern: in' }] });
        expect(form.asked).toHaveLength(count);
        form.end();
      }
    });

    it('tells a refusal of the token service, without a word of it, and sends the member nothing', async () => {
      const { form, auth } = await formOf();
      const shop = await shopThat(() => true);
      const wrong = { ...form.auth, [form.secret]: 'not-the-right-one' };
      expect(await register(shop.member('shop', { ...auth, auth: wrong }))).toMatch(REFUSED);
      const result = await order('7');
      expect(result).toMatchObject({ isError: true });
      expect(result.content[0].text).toMatch(REFUSED);
      expect(JSON.stringify(result)).not.toContain('not-the-right-one');
      expect(shop.calls()).toEqual([]);
    });
  },
);

describe('dynamic_bearer', () => {
  const iam = async (lifeSeconds?: () => number) => (await tokens(lifeSeconds)).forms[0]!;

  it('renews a token before it ends, while calls go on', async () => {
    const form = await iam(() => 6);
    const shop = await shopThat(({ headers }) => form.admits(headers.authorization));
    await register(shop.member('shop', { auth_strategy: 'dynamic_bearer', auth: form.auth }));
    await eventually(async () => {
      expect(await order('7')).toMatchObject({ structuredContent: { id: '7' } });
      expect(form.asked.length).toBeGreaterThanOrEqual(3);
    }, 20_000);
    expect(shop.calls().every(({ headers }) => form.admits(headers.authorization))).toBe(true);
  });

  it('counts as taken where the news of its renewal comes before the answer, so that the next refusal buys another', async () => {
    const form = await iam();
    const answer = async () => void (await pause(500));
    const shop = await startRestService({ check: ({ headers }) => form.admits(headers.authorization), answer });
    stops.push(() => shop.stop());
    await register(shop.member('shop', { auth_strategy: 'dynamic_bearer', auth: form.auth }));
    for (let count = 1; count <= 3; count += 1) {
      expect(await order('7')).toMatchObject({ structuredContent: { id: '7' } });
      expect(form.asked).toHaveLength(count);
      form.end();
    }
  });

  it('has one new token for many calls that are refused together', async () => {
    const form = await iam();
    const shop = await shopThat(({ headers }) => form.admits(headers.authorization));
    await register(shop.member('shop', { auth_strategy: 'dynamic_bearer', auth: form.auth }));
    await order('1');
    form.end();
    const results = await Promise.all(Array.from({ length: 50 }, (_, index) => order(String(index))));
    expect(results.map((result) => result.structuredContent?.id)).toEqual(results.map((_, index) => String(index)));
    expect(form.asked).toHaveLength(2);
  });

  it('is had for one tool alone, by the settings of that tool', async () => {
    const form = await iam();
    const shop = await shopThat(undefined);
    const tool_auth = { get_order: { auth_strategy: 'dynamic_bearer', auth: { ...form.auth, auth_prefix: 'Tool' } } };
    await register(shop.member('shop', { auth_strategy: 'bearer', auth: { token: 'own' }, tool_auth }));
    shop.forget();
    await order('1');
    await callTool(composer.url, 'shop_list_orders');
    const [own, others] = shop.calls().map((call) => sent(call, 'authorization'));
    expect(own).toEqual([expect.stringMatching(/^Tool iam-/)]);
    expect(others).toEqual(['Bearer own']);
    const { body } = await composer.api('GET', '/api/v1/servers/shop');
    expect(body.tool_auth.get_order.auth).toMatchObject({ apikey: { set: true }, token_url: form.auth['token_url'] });
  });

  it('leaves the token of other settings behind when they are edited', async () => {
    const service = await tokens();
    const [iam, json] = service.forms;
    const shop = await shopThat(
      ({ headers }) => json!.admits(headers.authorization) || iam!.admits(headers.authorization),
    );
    await register(shop.member('shop', { auth_strategy: 'dynamic_bearer', auth: iam!.auth }));
    await order('1');
    await composer.api('PATCH', '/api/v1/servers/shop', { auth: { ...json!.auth } });
    shop.forget();
    await eventually(async () => {
      await order('2');
      expect(sent(shop.calls().at(-1)!, 'authorization')).toEqual([expect.stringMatching(/^Bearer json-/)]);
    });
  });

  it('does not call the token service at an address that is not allowed', async () => {
    const auth = { token_url: 'http://169.254.169.254/token', apikey: 'k' };
    const shop = await shopThat(undefined);
    const config = shop.member('shop', { auth_strategy: 'dynamic_bearer', auth });
    const { status, body } = await composer.api('POST', '/api/v1/servers', config);
    expect({ status, paths: body.faults.map(({ path }: { path: string }) => path) }).toEqual({
      status: 422,
      paths: ['auth.token_url'],
    });
  });

  it(
    'survives kill -9: the stored token is used on, and nobody is asked for another one',
    async () => {
      const form = await iam();
      const shop = await shopThat(({ headers }) => form.admits(headers.authorization));
      await callAroundKill(shop.member('shop', { auth_strategy: 'dynamic_bearer', auth: form.auth }));
      expect(form.asked).toEqual([{ wrong: [] }]);
    },
    LONG,
  );
});

describe.each([302, 403, 401] as const)('jsessionid, with a service that ends sessions with %d', (whenEnded) => {
  const serve = async (): Promise<SessionService> => {
    const service = await startSessionService(whenEnded);
    stops.push(() => service.shop.stop());
    return service;
  };

  it('logs in once, carries the whole session, and logs in again when it has ended', async () => {
    const { shop, login, calls } = await serve();
    expect(await register(shop.member('shop', { auth_strategy: 'jsessionid', auth: login.auth }))).toBeUndefined();
    for (let round = 1; round <= 3; round += 1) {
      for (const seen of [1, 2]) expect(await order('7')).toMatchObject({ structuredContent: { id: '7', seen } });
      expect(login.asked).toHaveLength(2 * round);
      login.end();
    }
    expect(login.asked.every(({ wrong }) => wrong.length === 0)).toBe(true);
    // Each ended session costs one call that is refused, and the call comes again.
    expect(calls().map(({ isAdmitted }) => isAdmitted)).toEqual([true, true, false, true, true, false, true, true]);
    expect(composer.stderr()).not.toContain(login.auth['password']);
  });

  it('logs in once for many calls that are refused together', async () => {
    const { shop, login } = await serve();
    await register(shop.member('shop', { auth_strategy: 'jessionid', auth: login.auth }));
    await order('1');
    login.end();
    const results = await Promise.all(Array.from({ length: 50 }, (_, index) => order(String(index))));
    expect(results.map((result) => result.structuredContent?.id)).toEqual(results.map((_, index) => String(index)));
    expect(login.asked).toHaveLength(4);
  });

  it.each(KINDS)('carries the session to a member of type %s, from a login elsewhere on its host', async (kind) => {
    const { login, auth } = await serve();
    const admits = ({ url: path, headers }: SeenRequest) => login.admits({ path, headers });
    const member = await guarded(kind, (request) => (admits(request) ? undefined : login.refusal()));
    expect(await register(member.config('guarded', { auth_strategy: 'jsessionid', auth }))).toBeUndefined();
    await greetThreeTimes(member, (count) => {
      expect(login.asked).toHaveLength(2 * count);
      login.end();
    });
    expect(login.asked.every(({ wrong }) => wrong.length === 0)).toBe(true);
  });

  it('is had for one tool alone', async () => {
    const { shop, login, calls } = await serve();
    const tool_auth = { get_order: { auth_strategy: 'jsessionid', auth: login.auth } };
    await register(shop.member('shop', { auth_strategy: 'bearer', auth: { token: 'own' }, tool_auth }));
    expect(await order('7')).toMatchObject({ structuredContent: { id: '7' } });
    await callTool(composer.url, 'shop_list_orders');
    const [own, others] = calls().map(({ request }) => [sent(request, 'cookie'), sent(request, 'authorization')]);
    expect(own).toEqual([[expect.stringContaining('JSESSIONID=')], []]);
    expect(others).toEqual([[], ['Bearer own']]);
  });

  it('tells a refused login, and sends the service no call', async () => {
    const { shop, login, calls } = await serve();
    const auth = { ...login.auth, password: 'not-the-right-one' };
    await register(shop.member('shop', { auth_strategy: 'jsessionid', auth }));
    const result = await order('7');
    expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringMatching(/login_refused/) }] });
    expect(JSON.stringify(result)).not.toContain('not-the-right-one');
    expect(calls()).toEqual([]);
  });
});

describe('jsessionid', () => {
  it(
    'survives kill -9: the stored session is used on, without another login',
    async () => {
      const { shop, login } = await startSessionService(302);
      stops.push(() => shop.stop());
      await callAroundKill(shop.member('shop', { auth_strategy: 'jsessionid', auth: login.auth }));
      expect(login.asked).toEqual([{ wrong: [] }, { wrong: [] }]);
    },
    LONG,
  );
});

/** Registers a member with a composer of its own, calls it, kills the composer, and calls it through the next one. */
async function callAroundKill(config: Config): Promise<void> {
  const first = await startComposer();
  try {
    expect((await first.api('POST', '/api/v1/servers', config)).status).toBe(201);
    await callTool(first.url, 'shop_get_order', { orderId: '1' });
    await first.kill('SIGKILL');
    const second = await startComposer({ dataDir: first.dataDir });
    stops.push(() => second.stop());
    const result = await callTool(second.url, 'shop_get_order', { orderId: '2' });
    expect(result).toMatchObject({ structuredContent: { id: '2' } });
  } finally {
    stops.unshift(() => first.stop());
  }
}
