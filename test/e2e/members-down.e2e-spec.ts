import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../fixtures/eventually.js';
import { callTool, modern, openSession, send } from '../fixtures/mcp-clients.js';
import { type McpMember, freePort, startLegacyMember, startModernMember } from '../fixtures/mcp-members.js';
import { pingMember } from '../fixtures/openapi-member.js';
import { startRestService } from '../fixtures/rest-service.js';
import { type Sentinel, startSentinel } from '../fixtures/sentinel.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const MEMBERS = 'io.mcp-composer/members';

describe('three members, of which one refuses connections and one never answers', () => {
  let composer: ComposerProcess;
  let healthy: McpMember;
  let mute: Sentinel;

  beforeAll(async () => {
    [composer, healthy, mute] = await Promise.all([startComposer(), startModernMember(), startSentinel()]);
    const members = {
      healthy: healthy.url,
      refusing: `http://127.0.0.1:${await freePort()}/mcp`,
      mute: `${mute.url}/mcp`,
    };
    for (const [id, endpoint] of Object.entries(members)) {
      const { status, body } = await composer.api('POST', '/api/v1/servers', {
        id,
        type: 'http',
        endpoint,
        timeout: 2,
      });
      expect(status).toBe(201);
      if (id !== 'healthy') expect(body._meta.problem).toMatch(/reached|answer/);
    }
  }, 90_000);
  afterAll(() => Promise.all([composer.stop(), healthy.close(), mute.close()]));

  it('lists the healthy tools at once, in both eras, with the outcome of each member', async () => {
    const session = await openSession(composer.url);
    const lists = [
      () => modern(composer.url, 'tools/list'),
      () => send(composer.url, { headers: session, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' }),
    ];
    const slow = untilOver(callTool(composer.url, 'member_health'));
    for (const list of lists) {
      const { ms, json } = await timed(list);
      expect(ms).toBeLessThan(1_000);
      const names = json.result.tools.map(({ name }: { name: string }) => name);
      expect(names).toEqual(expect.arrayContaining(['healthy_count', 'healthy_echo', 'healthy_wait']));
      expect(json.result._meta[MEMBERS]).toEqual({ healthy: 'ok', mute: 'timeout', refusing: 'unreachable' });
    }
    expect(slow.isOver).toBe(false);
    await slow.end;
  });

  it('says Down for the two and OK for the third, in time', async () => {
    const { ms, structuredContent } = await timed(() => callTool(composer.url, 'member_health'));
    expect(ms).toBeLessThan(7_000);
    expect(structuredContent.result).toMatchObject([
      { server_name: 'healthy', status: 'OK' },
      { server_name: 'mute', status: 'Down', state: 'timeout' },
      { server_name: 'refusing', status: 'Down', state: 'unreachable' },
    ]);
    expect(JSON.stringify(structuredContent)).not.toMatch(/127\.0\.0\.1|http:/);
    for (const [id, status] of [
      ['healthy', 'OK'],
      ['mute', 'Down'],
      ['refusing', 'Down'],
    ]) {
      const one = await timed(() => composer.api('GET', `/api/v1/servers/${id}/health`));
      expect(one).toMatchObject({ status: 200, body: { status } });
      expect(one.ms).toBeLessThan(7_000);
    }
  }, 60_000);

  it('counts them by state in /health, which stays 200: a member is not the composer', async () => {
    const { status, body } = await composer.api('GET', '/health');
    expect(status).toBe(200);
    expect(body.info.members.states).toEqual({ ok: 1, timeout: 1, unreachable: 1 });
    expect(JSON.stringify(body)).not.toMatch(/127\.0\.0\.1|http:/);
  });

  it('does not let the two slow the third down', async () => {
    const slow = untilOver(callTool(composer.url, 'member_health'));
    const calls = await Promise.all(
      Array.from({ length: 20 }, (_, n) => timed(() => callTool(composer.url, 'healthy_echo', { message: `${n}` }))),
    );
    expect(Math.max(...calls.map(({ ms }) => ms))).toBeLessThan(1_000);
    expect(slow.isOver).toBe(false);
    expect(calls.filter(({ isError }) => isError)).toEqual([]);
    await slow.end;
  });
});

describe('a member that was up', () => {
  it('keeps its tools listed when it goes down, and a call says what happened and what to do', async () => {
    const [composer, legacy, service] = await Promise.all([startComposer(), startLegacyMember(), startRestService()]);
    try {
      await composer.api('POST', '/api/v1/servers', { id: 'mcp', type: 'http', endpoint: legacy.url });
      await composer.api('POST', '/api/v1/servers', service.member('rest'));
      const names = await namesOf(composer);
      await Promise.all([legacy.close(), service.stop()]);
      const calls = { mcp_echo: { message: 'x' }, rest_get_order: { orderId: '1' } };
      for (const [name, args] of Object.entries(calls)) {
        const { ms, ...result } = await timed(() => callTool(composer.url, name, args));
        expect(result).toMatchObject({ isError: true });
        const [server] = name.split('_');
        expect(result.content[0].text).toMatch(
          new RegExp(`^Server "${server}" failed \\(COMPOSER_[A-Z_]+\\): .*try again`),
        );
        expect(result.content[0].text).not.toMatch(/127\.0\.0\.1|http:/);
        expect(ms).toBeLessThan(5_000);
      }
      expect(await namesOf(composer)).toEqual(names);
      const { structuredContent } = await callTool(composer.url, 'member_health');
      expect(structuredContent.result.map(({ status }: { status: string }) => status)).toEqual(['Down', 'Down']);
      expect(await namesOf(composer)).toEqual(names);
    } finally {
      await composer.stop();
    }
  }, 60_000);

  it('answers a call that never ends with a tool error when its time is over, and stops the member’s work', async () => {
    const [composer, legacy, modernMember, mute] = await Promise.all([
      startComposer(),
      startLegacyMember(),
      startModernMember(),
      startSentinel(),
    ]);
    try {
      await composer.api('POST', '/api/v1/servers', { id: 'old', type: 'http', endpoint: legacy.url, timeout: 1 });
      await composer.api('POST', '/api/v1/servers', {
        id: 'young',
        type: 'http',
        endpoint: modernMember.url,
        timeout: 1,
      });
      await composer.api('POST', '/api/v1/servers', pingMember('rest', mute.url, { timeout: 1 }));
      const names = ['old_wait', 'young_wait', 'rest_ping'];
      const results = await Promise.all(
        names.map((name) => timed(() => callTool(composer.url, name, name === 'rest_ping' ? {} : { key: 'endless' }))),
      );
      for (const { ms, ...result } of results) {
        expect(result).toMatchObject({
          isError: true,
          content: [{ text: expect.stringMatching(/within 1 s.*not known/) }],
        });
        expect(ms).toBeLessThan(4_000);
      }
      await eventually(() => expect([...legacy.cancelled, ...modernMember.cancelled]).toEqual(['endless', 'endless']));
    } finally {
      await Promise.all([composer.stop(), legacy.close(), modernMember.close(), mute.close()]);
    }
  }, 60_000);
});

describe('a member that answers 401', () => {
  it('is told as such: at registration, in the list, in health and in a call', async () => {
    let isOpen = false;
    const [composer, member] = await Promise.all([startComposer(), startModernMember({ admits: () => isOpen })]);
    try {
      const config = {
        id: 'locked',
        type: 'http',
        endpoint: member.url,
        auth_strategy: 'bearer',
        auth: { token: 'wrong' },
      };
      const { body } = await composer.api('POST', '/api/v1/servers', config);
      expect(body._meta.problem).toMatch(/refused the credential with HTTP 401: check auth_strategy and auth/);
      const outcome = async () => (await modern(composer.url, 'tools/list')).json.result._meta[MEMBERS];
      expect(await outcome()).toEqual({ locked: 'auth_required' });
      isOpen = true;
      const health = await callTool(composer.url, 'member_health');
      expect(health.structuredContent.result).toMatchObject([{ status: 'OK', server_name: 'locked' }]);
      isOpen = false;
      const result = await callTool(composer.url, 'locked_echo', { message: 'x' });
      expect(result).toMatchObject({
        isError: true,
        content: [
          { text: expect.stringMatching(/COMPOSER_MEMBER_REFUSED.*administrator has to enter a working credential/) },
        ],
      });
      expect(await outcome()).toEqual({ locked: 'auth_required' });
    } finally {
      await Promise.all([composer.stop(), member.close()]);
    }
  }, 60_000);
});

const namesOf = async ({ url }: ComposerProcess): Promise<string[]> =>
  (await modern(url, 'tools/list')).json.result.tools.map(({ name }: { name: string }) => name);

/** What takes as long as the member that never answers is given: others must not wait for it. */
function untilOver(work: Promise<unknown>): { readonly end: Promise<unknown>; isOver: boolean } {
  const over = { isOver: false, end: work.finally(() => (over.isOver = true)) };
  return over;
}

async function timed<T extends object>(work: () => Promise<T>): Promise<T & { ms: number }> {
  const started = performance.now();
  const result = await work();
  return { ...result, ms: performance.now() - started };
}
