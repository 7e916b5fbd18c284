import 'reflect-metadata';
import { ConsentRequiredError } from '#auth';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { ClientRefusedError, CredentialHeldError, GrantRefusedError, IssuerUnavailableError } from '#token-store';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../testing/client-of.js';
import { type GuardedMember, EVERY_KIND, type SeenRequest, startGuardedMember } from '../testing/guarded-member.js';
import { type OpenPool, openPool } from '../testing/open-pool.js';
import { RecordingReply } from '../testing/recording-reply.js';
import { RotatingStrategy } from '../testing/rotating-strategy.js';
import { parseMessage } from './json-rpc/json-rpc-message.js';

const BY = { by: SYSTEM };
const acme = tenantId('acme');
const crm = { tenantId: acme, serverId: serverId('crm') };
const LOGIN = { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<form>' };
const REFUSALS = {
  'HTTP 401': { status: 401 },
  'a login page': LOGIN,
  'a redirect to the login': { status: 302, headers: { location: '/login' } },
};

describe.each(EVERY_KIND)('a member of type %s', (kind) => {
  let member: GuardedMember;
  let strategy: RotatingStrategy;
  let opened: OpenPool;

  beforeEach(async () => {
    member = await startGuardedMember(kind);
    strategy = new RotatingStrategy();
    opened = await openPool({ strategies: [strategy], speed: 5 });
  });
  afterEach(async () => {
    await opened.close();
    await member.close();
  });

  const register = (auth: object = {}, more: object = {}) =>
    opened.registry.register(acme, member.config('crm', { auth_strategy: 'rotating', auth, ...more }), BY);
  const slot = () => opened.pool.find(crm)!;
  function call(by = 'ann'): RecordingReply {
    const params = { name: `crm_${member.tool('crm')}`, arguments: member.argumentsFor(by) };
    const request = { jsonrpc: '2.0', id: 'caller-1', method: 'tools/call', params };
    const message = parseMessage(Buffer.from(JSON.stringify(request)));
    const reply = new RecordingReply();
    const tool = member.tool('crm');
    const asked = { method: 'tools/call', target: tool, message, client: clientOf('legacy'), headers: {} } as const;
    slot().member!.request({ ...asked, principalId: principalId(by) }, reply);
    return reply;
  }
  async function answerTo(reply: RecordingReply): Promise<string> {
    const { failure, result, error } = await reply.answered;
    const failed = result?.isError ? 'failed: ' : '';
    return failure ?? failed + (result?.content?.[0]?.text ?? error?.message ?? '');
  }
  const tokenOf = ({ headers }: SeenRequest) => String(headers.authorization).replace('Bearer ', '');
  const takeOnly = (wanted: string, refusal: object = { status: 401 }) => {
    member.guard = (request) => (tokenOf(request) === wanted ? undefined : (refusal as { status: number }));
  };

  it.each(Object.entries(REFUSALS))('renews a refused credential once, and carries the call out: %s', async (_, no) => {
    await register();
    expect(await answerTo(call())).toContain('Hello, ann!');
    member.forget();
    takeOnly('all-2', no);
    expect(await answerTo(call())).toContain('Hello, ann!');
    expect(member.calls().map(tokenOf)).toEqual(['all-1', 'all-2']);
    expect({ greetings: member.greetings(), renewed: strategy.renewed.length }).toEqual({ greetings: 1, renewed: 1 });
    expect(slot().outcome).toBe('ok');
  });

  it('renews once for all calls that were refused together', async () => {
    await register();
    await answerTo(call());
    member.forget();
    takeOnly('all-2');
    const answers = await Promise.all(Array.from({ length: 20 }, () => answerTo(call())));
    expect(answers.filter((answer) => !answer.includes('Hello'))).toEqual([]);
    expect({ greetings: member.greetings(), renewed: strategy.renewed.length }).toEqual({ greetings: 20, renewed: 1 });
  });

  it.each(Object.entries(REFUSALS))('gives up when the fresh one is refused too: %s', async (_, no) => {
    await register();
    await answerTo(call());
    member.forget();
    takeOnly('nothing', no);
    expect(await answerTo(call())).toMatch(/COMPOSER_MEMBER_REFUSED|HTTP error (401|302)/);
    expect(member.calls().map(tokenOf)).toEqual(['all-1', 'all-2']);
    expect(slot().outcome).toBe('auth_required');
  });

  it('asks nothing again when there is nothing fresher, or only a wider scope would help', async () => {
    await register();
    await answerTo(call());
    member.forget();
    strategy.hasFresher = false;
    takeOnly('nothing');
    expect(await answerTo(call())).toContain('401');
    takeOnly('nothing', { status: 403, headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' } });
    expect(await answerTo(call())).toContain('403');
    expect({ calls: member.calls().length, renewed: strategy.renewed.length }).toEqual({ calls: 2, renewed: 1 });
  });

  it('tells the strategy once of each credential that was taken, and of none that was not', async () => {
    await register();
    for (let n = 0; n < 3; n++) await answerTo(call());
    expect(strategy.accepted).toEqual(['1']);
    takeOnly('all-3');
    await answerTo(call());
    expect(strategy.accepted).toEqual(['1']);
    await answerTo(call());
    expect(strategy.accepted).toEqual(['1', '3']);
  });

  it('gets what belongs to each request, and what it sets is heard', async () => {
    await register({ in: 'cookie' });
    await answerTo(call());
    for (const { method, url, headers } of member.requests) {
      const path = new URL(url, member.url).pathname.slice(1);
      expect(headers.cookie).toBe(`token=all-1; where=${method}_${path}`);
    }
    const [{ url = '' } = {}] = member.calls();
    const path = new URL(url, member.url).pathname;
    member.guard = () => ({ status: 401, headers: { 'set-cookie': 'sid=1; Path=/' } });
    await answerTo(call());
    expect(strategy.cookies).toEqual([`${path} sid=1; Path=/`, `${path} sid=1; Path=/`]);
  });

  it.each([
    ['a grant that has ended', new GrantRefusedError('invalid_grant'), 'auth_required', /connect it again/],
    ['settings that are refused', new ClientRefusedError('invalid_client'), 'auth_required', /correct the settings/],
    ['a credential that is held', new CredentialHeldError(60), 'auth_required', /look at the credential/],
    ['an issuer that is away', new IssuerUnavailableError('HTTP 503'), 'error', /try again later/],
  ])('is not called without a credential: %s', async (_, fault, outcome, advice) => {
    await register();
    member.forget();
    strategy.fault = fault;
    opened.pool.noteCredentialsChanged(acme);
    const answer = await answerTo(call());
    expect(answer).toMatch(advice);
    expect(answer).toContain(fault.code);
    expect(member.requests).toEqual([]);
    expect(slot().outcome).toBe(outcome);
  });

  it('is registered without a credential that a person has to bring, with the page where that is done', async () => {
    strategy.fault = new ConsentRequiredError(crm.serverId, 'http://composer.example/connect/crm');
    const { problem } = await register();
    expect(problem).toContain('http://composer.example/connect/crm');
    expect({ outcome: slot().outcome, requests: member.requests }).toEqual({ outcome: 'auth_required', requests: [] });
    expect(await answerTo(call())).toMatch(/needs your consent.*connect\/crm$/);
    strategy.fault = undefined;
    opened.pool.noteCredentialsChanged(acme);
    await until(() => slot().outcome === 'ok', 'the list of tools');
    expect(await answerTo(call())).toContain('Hello, ann!');
  });

  it('asks anew for a credential when the stored one has changed', async () => {
    await register();
    await answerTo(call());
    const before = strategy.asked.length;
    opened.pool.noteCredentialsChanged(acme, serverId('another'));
    await answerTo(call());
    expect(strategy.asked).toHaveLength(before);
    opened.pool.noteCredentialsChanged(acme, crm.serverId);
    await answerTo(call());
    expect(strategy.asked).toHaveLength(before + 1);
  });

  describe('whose principals have a credential each', () => {
    const PER_USER = { per_user: true };
    const connect = (by: string) => {
      strategy.connected.add(by);
      opened.pool.noteCredentialsChanged(acme, crm.serverId, principalId(by));
    };

    it('is registered without one, and offers its tools when somebody has connected it', async () => {
      const { problem } = await register(PER_USER);
      expect(problem).toContain('every user connects this server');
      expect(slot().outcome).toBe('auth_required');
      connect('ann');
      await until(() => slot().outcome === 'ok', 'the list of tools');
      expect(slot().offer.tools).toHaveLength(1);
    });

    it('is called with the credential of the caller and never with another', async () => {
      await register(PER_USER);
      for (const by of ['ann', 'bob']) strategy.connected.add(by);
      const all = ['ann', 'bob', 'ann', 'bob', 'ann'];
      const answers = await Promise.all(all.map((by) => answerTo(call(by))));
      expect(answers.every((answer, n) => answer.includes(`Hello, ${all[n]}!`))).toBe(true);
      for (const request of member.calls()) {
        const [by] = tokenOf(request).split('-');
        expect(decodeURIComponent(request.url) + request.body).toContain(by);
      }
      expect(member.requests.filter((request) => !/^(ann|bob)-1$/.test(tokenOf(request)))).toEqual([]);
      const sessions = new Map<string, Set<string>>();
      for (const { url, headers, ...request } of member.calls()) {
        const session = new URL(url, member.url).searchParams.get('sessionId') ?? headers['mcp-session-id'];
        if (session === undefined) continue;
        const owners = sessions.get(String(session)) ?? new Set();
        sessions.set(String(session), owners.add(tokenOf({ url, headers, ...request })));
      }
      expect([...sessions.values()].map(({ size }) => size)).toEqual(kind === 'http' || kind === 'sse' ? [1, 1] : []);
    });

    it('asks a caller without one to consent, sends nothing, and is none the worse for the others', async () => {
      await register(PER_USER);
      connect('ann');
      await until(() => slot().outcome === 'ok', 'the list of tools');
      member.forget();
      const answer = await answerTo(call('bob'));
      expect(answer).toMatch(/needs your consent.*http:\/\/composer\.example\/connect\/crm$/);
      expect(member.requests).toEqual([]);
      expect(slot().outcome).toBe('ok');
      await opened.pool.check(slot());
      expect({ outcome: slot().outcome, requests: member.requests }).toEqual({ outcome: 'ok', requests: [] });
    });

    it('takes the place of one that works, because consent comes only then', async () => {
      await register();
      const wanted = member.config('crm', { auth_strategy: 'rotating', auth: PER_USER });
      const { problem } = await opened.registry.update(crm, wanted, { ...BY, mode: 'replace' });
      expect(problem).toContain('every user connects this server');
    });
  });
});
