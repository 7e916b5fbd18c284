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
import { AskedReply } from '../../testing/asked-reply.js';
import { clientOf } from '../../testing/client-of.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import { CLIENT_FLAGS, type ClientFlag, declarationOf } from '../client-facts.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';

const acme = tenantId('acme');
const SERVER = fileURLToPath(new URL('../../testing/stdio-server.mjs', import.meta.url));
const NODE = realpathSync(process.execPath);

describe('what a member over stdio asks within a call', () => {
  let folder: string;
  let opened: OpenPool;
  const notes = (what: string): readonly string[] => {
    const file = join(folder, 'notes');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    return lines.filter((line) => line.startsWith(`${what} `)).map((line) => line.slice(what.length + 1));
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mcpc-stdio-'));
  });
  afterEach(async () => {
    await opened.close();
    setEnvironment(undefined);
    rmSync(folder, { recursive: true });
  });

  async function register(mode = 'echo', maxProcesses = 8): Promise<void> {
    setEnvironment({ STDIO_ALLOWLIST: NODE, STDIO_MAX_PROCESSES: String(maxProcesses) });
    opened = await openPool({ speed: 5 });
    const args = [SERVER, mode, join(folder, 'notes')];
    const config = { id: 'crm', type: 'stdio', command: NODE, args, timeout: 20, health_check: { enabled: false } };
    expect((await opened.registry.register(acme, config, { by: SYSTEM })).problem).toBeUndefined();
  }
  function call(args: object, flags: readonly ClientFlag[] = ['roots'], caller = 'ann') {
    const params = { name: 'echo', arguments: args };
    const reply = new AskedReply();
    const running = opened.pool.find({ tenantId: acme, serverId: serverId('crm') })!.member!.request(
      {
        method: 'tools/call',
        target: 'echo',
        message: parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }))),
        client: clientOf('legacy', ...flags),
        headers: {},
        principalId: principalId(caller),
      },
      reply,
    );
    return Object.assign(reply, { running });
  }
  const textOf = async (reply: AskedReply) => {
    const answer = await reply.answered;
    return answer.failure ?? answer.result?.content?.[0]?.text ?? JSON.stringify(answer);
  };
  const asked = (reply: AskedReply) => until(() => reply.asked.length > 0, 'the question');

  it('goes to the call that has the process for itself, which the next call of the same principal gets', async () => {
    await register();
    const [ann, bob] = [call({ do: 'ask' }), call({ do: 'ask' }, ['roots'], 'bob')];
    await Promise.all([asked(ann), asked(bob)]);
    bob.tell({ roots: [{ uri: 'file:///bob' }] });
    ann.tell({ roots: [{ uri: 'file:///ann' }] });
    const [ofAnn, ofBob] = await Promise.all([textOf(ann), textOf(bob)]);
    expect([ofAnn, ofBob]).toEqual([expect.stringContaining('///ann'), expect.stringContaining('///bob')]);
    expect(await textOf(call({ do: 'pid' }))).toBe(ofAnn.split(' ')[0]);
    expect(await textOf(call({ do: 'pid' }, ['roots'], 'bob'))).toBe(ofBob.split(' ')[0]);
    expect(new Set(notes('declared'))).toEqual(new Set([JSON.stringify(declarationOf(CLIENT_FLAGS)), '{"roots":{}}']));
  });

  it('is refused where the caller has not declared it, and after the call', async () => {
    await register();
    const reply = call({ do: 'ask', method: 'sampling/createMessage' });
    expect(await textOf(reply)).toContain('-32601');
    expect(await textOf(call({ do: 'ask' }, []))).toContain('-32601');
    const late = call({ do: 'late' });
    expect(await textOf(late)).toBe('done');
    await until(() => notes('told').some((line) => line.startsWith('late')), 'the answer');
    expect(notes('told').find((line) => line.startsWith('late'))).toContain('-32601');
    expect([reply.asked, late.asked]).toEqual([[], []]);
  });

  it('leaves no process to anybody else after a call that it has not answered', async () => {
    await register();
    const reply = call({ do: 'ask' });
    await asked(reply);
    const pids = notes('start').map((line) => Number(line.split(' ')[0]));
    reply.running.cancel();
    expect(reply.withdrawn).toBe(1);
    expect(pids).not.toContain(Number(await textOf(call({ do: 'pid' }))));
  });

  it('leaves the process of a call that was answered meanwhile to the next one: it may remember things', async () => {
    await register();
    const reply = call({ do: 'ask and go' });
    const pid = await textOf(reply);
    expect([reply.asked.length, reply.withdrawn]).toEqual([1, 1]);
    expect(await textOf(call({ do: 'pid' }))).toBe(pid);
    expect(notes('told')[0]).toContain('-32603');
  });

  it('takes a process that rests where there is room for no other, and no more than there may be', async () => {
    await register('echo', 2);
    expect(await textOf(call({ do: 'pid' }, ['roots'], 'ann'))).toMatch(/^\d+$/);
    const bob = call({ do: 'ask' }, ['roots'], 'bob');
    await asked(bob);
    expect(await textOf(call({ do: 'pid' }, ['roots'], 'ann'))).toMatch(/COMPOSER_STDIO_PROCESSES/);
    bob.tell({ roots: [] });
    expect(await textOf(bob)).toContain('roots');
    expect(await textOf(call({ do: 'pid' }, ['roots'], 'ann'))).toMatch(/^\d+$/);
  });

  it('is never asked by a member of the modern era: one process is enough for it', async () => {
    await register('modern');
    const pids = await Promise.all([call({ do: 'pid' }), call({ do: 'pid' }, []), call({ do: 'pid' })].map(textOf));
    expect(new Set(pids).size).toBe(1);
    expect(notes('start')).toHaveLength(1);
  });
});
