import 'reflect-metadata';
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setEnvironment } from '#config';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { RecordingReply } from '../../testing/recording-reply.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';

const ref = { tenantId: tenantId('acme'), serverId: serverId('all') };
const NODE = realpathSync(process.execPath);
const ENTRY = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');

describe('the official server over stdio', () => {
  let opened: OpenPool;
  beforeAll(async () => {
    setEnvironment({ STDIO_ALLOWLIST: NODE });
    opened = await openPool();
    const config = {
      id: 'all',
      type: 'stdio',
      command: NODE,
      args: [ENTRY, 'stdio'],
      health_check: { enabled: false },
    };
    await opened.registry.register(ref.tenantId, config, { by: SYSTEM });
    const slot = opened.pool.find(ref)!;
    // On a loaded machine its start may take longer than a check.
    await until(async () => {
      if (slot.outcome !== 'ok') await opened.pool.check(slot);
      return slot.outcome === 'ok';
    }, 'the server');
  });
  afterAll(() => setEnvironment(undefined));

  function call(target: string, args: object, meta: object = {}) {
    const params = { name: `all_${target}`, arguments: args, ...meta };
    const message = parseMessage(
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 'caller-1', method: 'tools/call', params })),
    );
    const reply = new RecordingReply();
    const request = {
      target,
      message,
      client: clientOf('legacy'),
      headers: {},
      principalId: principalId('p'),
    } as const;
    const running = opened.pool.find(ref)!.member!.request({ method: 'tools/call', ...request }, reply);
    return Object.assign(reply, { running });
  }
  const textOf = async (reply: RecordingReply) => {
    const answer = await reply.answered;
    return answer.failure ?? answer.result?.content?.[0]?.text;
  };
  const long = (steps: number, duration: number) =>
    call('trigger-long-running-operation', { duration, steps }, { _meta: { progressToken: 'mine' } });

  it('gives its tools, and answers', async () => {
    const names = opened.pool.find(ref)!.offer.tools.map((tool) => (JSON.parse(tool) as { name: string }).name);
    expect(names).toEqual(expect.arrayContaining(['echo', 'get-sum', 'trigger-long-running-operation']));
    expect(await textOf(call('echo', { message: 'hello' }))).toBe('Echo: hello');
    expect(await textOf(call('get-sum', { a: 2, b: 3 }))).toMatch(/5/);
  });

  it('sees no environment', async () => {
    expect(JSON.parse((await textOf(call('get-env', {})))!)).toEqual({});
  });

  it('tells its progress', async () => {
    const reply = long(3, 0.3);
    expect(await textOf(reply)).toMatch(/completed/);
    const told = reply.events.slice(1).map((event) => JSON.parse(event) as { params: object });
    expect(told.map(({ params }) => params)).toEqual(
      [1, 2, 3].map((progress) => expect.objectContaining({ progress, total: 3, progressToken: 'mine' })),
    );
  });

  it('goes on after a call that was cancelled', async () => {
    const reply = long(100, 60);
    await until(() => reply.events.length > 1, 'its progress');
    reply.running.cancel();
    expect(await textOf(call('echo', { message: 'on' }))).toBe('Echo: on');
    expect(reply.answers).toBe(0);
  });

  it('is started again after kill -9, which a call that was under way is told of', async () => {
    const reply = long(100, 60);
    await until(() => reply.events.length > 1, 'its progress');
    const pid = Math.max(...processes());
    process.kill(pid, 'SIGKILL');
    expect(await textOf(reply)).toMatch(/COMPOSER_MEMBER_ENDED/);
    expect(await textOf(call('echo', { message: 'again' }))).toBe('Echo: again');
    expect(processes()).toHaveLength(2);
    expect(processes()).not.toContain(pid);
  });

  it('is gone when the composer is closed', async () => {
    expect(processes()).toHaveLength(2);
    await opened.close();
    expect(processes()).toEqual([]);
  });
});

/** Processes of this server that this one has started, zombies apart. */
function processes(): readonly number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.map(Number).filter((pid) => {
    try {
      const isOurs = new RegExp(`^PPid:\\s+${process.pid}$`, 'm').test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(ENTRY);
    } catch {
      return false;
    }
  });
}
