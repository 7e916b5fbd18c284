import 'reflect-metadata';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setEnvironment } from '#config';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { RecordingReply } from '../../testing/recording-reply.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import type { Era } from '../member.js';

const acme = tenantId('acme');
const crm = { tenantId: acme, serverId: serverId('crm') };
const SERVER = fileURLToPath(new URL('../../testing/stdio-server.mjs', import.meta.url));
const NODE = realpathSync(process.execPath);

describe('a member over stdio', () => {
  let folder: string;
  let opened: OpenPool;
  const notes = (): readonly string[] => {
    const file = join(folder, 'notes');
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  };
  const started = (): readonly number[] =>
    notes().flatMap((line) => (line.startsWith('start ') ? [Number(line.split(' ')[1])] : []));
  const asked = (method: string) => notes().filter((line) => line.startsWith(`${method} `));

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mcpc-stdio-'));
    setEnvironment({ STDIO_ALLOWLIST: NODE, STDIO_MAX_PROCESSES: '3', SECRET_OF_COMPOSER: 'not for members' });
    opened = await openPool({ speed: 5 });
  });
  afterEach(async () => {
    await opened.close();
    setEnvironment(undefined);
    expect(started().filter(isAlive)).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  const configOf = (mode: string, more: object = {}) => ({
    id: 'crm',
    type: 'stdio',
    command: NODE,
    args: [SERVER, mode, join(folder, 'notes')],
    timeout: 20,
    health_check: { enabled: false },
    ...more,
  });
  const register = (mode = 'echo', more: object = {}) =>
    opened.registry.register(acme, configOf(mode, more), { by: SYSTEM });
  const slot = () => opened.pool.find(crm)!;

  function call(
    args: object = {},
    { era = 'legacy', meta = {}, text = '' }: { era?: Era; meta?: object; text?: string } = {},
  ) {
    const params = { name: 'crm_echo', arguments: args, ...meta };
    const request = JSON.stringify({ jsonrpc: '2.0', id: 'caller-1', method: 'tools/call', params }, null, 2);
    const reply = new RecordingReply();
    const told = {
      method: 'tools/call',
      target: 'echo',
      message: parseMessage(Buffer.from(text || request)),
      client: clientOf(era),
      headers: {},
      principalId: principalId('p'),
    } as const;
    return Object.assign(reply, { running: slot().member!.request(told, reply) });
  }
  const textOf = async (reply: RecordingReply) => {
    const answer = await reply.answered;
    return answer.failure ?? answer.result?.content?.[0]?.text ?? JSON.stringify(answer);
  };

  it('answers many calls of one process, each with its own answer', async () => {
    expect((await register()).problem).toBeUndefined();
    const replies = Array.from({ length: 20 }, (_, n) => call({ said: `for ${n}` }));
    expect(await Promise.all(replies.map(textOf))).toEqual(replies.map((_, n) => `for ${n}`));
    // Besides the one of the composer's own questions.
    expect(started()).toHaveLength(2);
    expect(replies[0]!.raw).toContain('"id":"caller-1"');
    expect(slot().offer.tools).toHaveLength(1);
  });

  it('speaks the modern era with a member that does, under ids and tokens of the composer’s', async () => {
    await register('modern');
    const meta = { _meta: { progressToken: 'mine', 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } };
    const reply = call({ do: 'progress' }, { era: 'modern', meta });
    expect(await textOf(reply)).toBe('done');
    expect(reply.events.at(-1)).toContain('"progressToken":"mine"');
    expect(asked('initialize')).toEqual([]);
    expect(await textOf(call({ do: 'meta' }))).toContain('clientCapabilities');
  });

  it('is started again with a handshake if it ends when it is asked for the modern era', async () => {
    expect((await register('fussy')).problem).toBeUndefined();
    expect(started()).toHaveLength(2);
    expect(await textOf(call())).toBe('echo');
    expect(started()).toHaveLength(3);
  });

  it('sees nothing of an environment but what is named, and runs where nothing lies', async () => {
    await register('echo', { env: { TOKEN: 'of-the-member' } });
    expect(JSON.parse(await textOf(call({ do: 'environment' })))).toEqual({ TOKEN: 'of-the-member' });
    expect(notes()[0]).toContain('["/",{');
  });

  it('gives progress to the call that it belongs to, under its own token', async () => {
    await register();
    const reply = call({ do: 'progress' }, { meta: { _meta: { progressToken: 'two' } } });
    expect(await textOf(reply)).toBe('done');
    expect(reply.events).toEqual(['open', expect.stringContaining('"progressToken":"two"')]);
  });

  it('is told of a call that was cancelled', async () => {
    await register();
    const reply = call({ do: 'never' });
    await until(() => asked('tools/call').length === 1, 'the call');
    reply.running.cancel();
    await until(() => asked('notifications/cancelled').length === 1, 'the cancellation');
    const id = asked('tools/call')[0]!.split(' ')[1];
    expect(asked('notifications/cancelled')[0]).toContain(`"requestId":${id}`);
    expect(await textOf(call())).toBe('echo');
    expect(reply.answers).toBe(0);
  });

  it('is asked for its tools when it says that they have changed', async () => {
    await register();
    await textOf(call({ do: 'change' }));
    await until(() => slot().offer.tools.length === 2, 'the new tools');
  });

  it('has its stderr in the log under its name, no more of it than a log takes, without secrets', async () => {
    await register('echo', { env: { TOKEN: 'tiger-in-the-tank' } });
    await textOf(call({ do: 'stderr', lines: 500, said: 'hello tiger-in-the-tank' }));
    const lines = () => opened.home.lines.filter((line) => line.includes('wrote to its stderr'));
    await until(() => lines().length >= 50, 'the lines');
    expect(JSON.parse(lines()[0]!)).toMatchObject({
      server: 'crm',
      tenant: 'acme',
      line: expect.stringMatching(/^hello/),
    });
    await opened.registry.remove(crm, SYSTEM);
    await until(() => opened.home.lines.some((line) => line.includes('"omitted"')), 'what was left out');
    expect(lines().length).toBeLessThan(200);
    expect(opened.home.lines.join()).not.toContain('tiger-in-the-tank');
  });

  describe('that dies', () => {
    it('tells calls that were under way that their outcome is not known, and answers the next one', async () => {
      await register();
      const waiting = call({ do: 'never' });
      await until(() => asked('tools/call').length === 1, 'the call');
      process.kill(started().at(-1)!, 'SIGKILL');
      expect(await textOf(waiting)).toMatch(/COMPOSER_MEMBER_ENDED.*SIGKILL.*check before you repeat it/);
      expect(await textOf(call())).toBe('echo');
      expect(started()).toHaveLength(3);
      expect(asked('tools/call')).toHaveLength(2);
    });

    it('is started again without a call if its health is checked', async () => {
      await register('echo', { health_check: { enabled: true } });
      process.kill(started()[0]!, 'SIGKILL');
      await until(() => started().length === 2, 'the next process');
    });

    it('is started ever more slowly while it does not live long', async () => {
      expect((await register('crash')).problem).toMatch(/ended with code 3/);
      const texts = await Promise.all(Array.from({ length: 20 }, async () => textOf(call())));
      expect(new Set(texts.map((text) => /COMPOSER_\w+/.exec(text)?.[0])).size).toBe(1);
      for (let n = 0; n < 3; n++) await textOf(call());
      // Twice for every opening: it may want a handshake.
      expect(started().length).toBeLessThanOrEqual(10);
    });

    it('takes its children along', async () => {
      await register('family');
      await until(() => asked('child').length === 1, 'the child');
      const child = Number(asked('child')[0]!.split(' ')[1]);
      process.kill(started()[0]!, 'SIGKILL');
      await until(() => !isAlive(child), 'the end of the child');
    });
  });

  describe('that cannot be trusted', () => {
    it('breaks no call with what cannot be read, and is told of once', async () => {
      await register();
      expect(await textOf(call({ do: 'nonsense' }))).toBe('after nonsense');
      expect(await textOf(call({ do: 'nonsense' }))).toBe('after nonsense');
      expect(opened.home.lines.filter((line) => line.includes('other things than messages'))).toHaveLength(1);
    });

    it.each(['endless', 'flood'])('is ended, and the next call gets another: %s', async (what) => {
      await register();
      expect(await textOf(call({ do: what }))).toMatch(/^Server "crm" failed/);
      expect(await textOf(call())).toBe('echo');
      expect(started()).toHaveLength(3);
    });

    it('is told no more than it reads: calls that would wait for it are refused as too many', async () => {
      await register('echo', { timeout: 30, retry_attempts: 0 });
      const deaf = call({ do: 'deaf' });
      await until(() => asked('tools/call').length === 1, 'the call');
      const said = 'x'.repeat(1024 * 1024);
      const replies = Array.from({ length: 12 }, () => call({ said }));
      expect(await textOf(replies.at(-1)!)).toMatch(/COMPOSER_MEMBER_BUSY/);
      expect(replies.filter(({ answers }) => answers > 0).length).toBeGreaterThanOrEqual(6);
      for (const { running } of [deaf, ...replies]) running.cancel();
    });

    it('gets no line that a caller has broken in two', async () => {
      await register();
      const text =
        '{"jsonrpc":"2.0",\r\n"id":1,\n"method":"tools/call","params":{"name":"echo","arguments":{"said":"\\n"}}}';
      expect(await textOf(call({}, { text }))).toBe('\n');
      expect(asked('tools/call')).toHaveLength(1);
    });
  });

  describe('that is closed', () => {
    it('ends when its stdin does', async () => {
      await register();
      await opened.registry.remove(crm, SYSTEM);
      await until(() => !isAlive(started()[0]!), 'its end');
    });

    it('is told to end, and then killed, with its group', async () => {
      await register('stubborn');
      await opened.registry.remove(crm, SYSTEM);
      await until(() => asked('SIGTERM').length === 1 || notes().includes('SIGTERM'), 'the signal');
      await until(() => !isAlive(started()[0]!), 'its end');
    });
  });

  it('has one process, and all members together no more than there may be', async () => {
    for (const id of ['a', 'b', 'c']) await register('echo', { id });
    expect((await register('echo', { id: 'd' })).problem).toMatch(/STDIO_MAX_PROCESSES/);
    await opened.registry.remove({ tenantId: acme, serverId: serverId('a') }, SYSTEM);
    const last = opened.pool.find({ tenantId: acme, serverId: serverId('d') })!;
    await until(async () => {
      await opened.pool.check(last);
      return last.outcome === 'ok';
    }, 'room for the last');
    expect(started().filter(isAlive)).toHaveLength(3);
  });
});

function isAlive(pid: number): boolean {
  try {
    // A zombie is over: it waits for its parent alone.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
