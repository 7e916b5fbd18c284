import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Clock, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { DatabaseUnavailableError, UnknownTenantError } from '#persistence';
import { until } from '#persistence/testing';
import { type OpenSessionStore, openSessionStore } from '#session-store/testing';
import { principalOf } from '#tenancy/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ClientSession } from '../sessions/client-sessions.js';
import { EventIds } from '../sessions/event-ids.js';
import { SessionPost } from '../sessions/session-post.js';
import { SessionSeal } from '../sessions/session-seal.js';
import { KeptStreams } from './kept-streams.js';
import { StoredStreams } from './stored-streams.js';
import { StreamSource } from './stream-source.js';

class SetClock extends Clock {
  time = 1_795_000_000_000;
  override now(): number {
    return this.time;
  }
}

/** Enough where nobody is to be kept out. */
class OpenSeal extends SessionSeal {
  override seal(content: string): string {
    return Buffer.from(content).toString('base64url');
  }
  override open(sealed: string): string {
    return Buffer.from(sealed, 'base64url').toString();
  }
}

/** A connection that keeps what is written, until its client leaves. */
class Connection extends EventEmitter {
  text = '';
  isEnded = false;
  writableFinished = false;
  readonly writableLength = 0;
  cork(): void {}
  uncork(): void {}
  write(chunk: string | Buffer): void {
    this.text += chunk.toString();
  }
  end(): void {
    if (this.isEnded) return;
    this.isEnded = this.writableFinished = true;
    this.emit('close');
  }
  leave(): void {
    this.emit('close');
  }
  get events(): readonly string[] {
    return [...this.text.matchAll(/^data: ([^\n]+)$/gm)].map(([, data]) => data!);
  }
  get ids(): readonly string[] {
    return [...this.text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id!);
  }
  get asResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }
}

const acme = tenantId('acme');
const ann = principalOf('ann', { tenantId: acme, roles: ['caller'] });
const session = (id: string, version = '2025-11-25'): ClientSession => ({
  id,
  era: 'legacy',
  version,
  capabilities: [],
  endsAt: Infinity,
});
const event = (text: string) => Buffer.from(JSON.stringify(text));

describe('streams of legacy clients', () => {
  let clock: SetClock;
  let shared: OpenSessionStore;
  let closing: (() => unknown)[];

  beforeEach(async () => {
    clock = new SetClock();
    shared = await openSessionStore(clock);
    closing = [];
  });
  afterEach(async () => {
    for (const close of closing) await close();
  });

  /** What one process has. */
  function process() {
    const { records, letters } = shared.process();
    const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
    const ids = new EventIds(new OpenSeal());
    const post = new SessionPost(letters, log);
    const stored = new StoredStreams(records, log);
    const kept = new KeptStreams(ids, letters, post, stored, clock);
    const source = new StreamSource(kept, records, post, letters, ids);
    for (const part of [post, stored, kept]) part.onModuleInit();
    closing.push(
      () => kept.onApplicationShutdown(),
      () => stored.onApplicationShutdown(),
    );
    return { ids, kept, stored, source };
  }
  function opened({ kept }: ReturnType<typeof process>, of = session('s'), requestId = '7') {
    const stream = kept.open({ principal: ann, session: of, requestId: Buffer.from(requestId) });
    const connection = new Connection();
    stream.attach(connection.asResponse);
    return { stream, connection };
  }
  /** Follows at this process from the last id that the connection has; gives what comes until it ends. */
  async function followed({ source, ids }: ReturnType<typeof process>, connection: Connection, of = session('s')) {
    const mark = ids.read(connection.ids.at(-1)!, of.id);
    if (mark?.kind !== 'call') throw new Error('not the id of a call');
    const next = new Connection();
    const following = source.elsewhere(acme, of, mark);
    closing.push(() => following.stop());
    await following.run(() => next.asResponse);
    return next;
  }

  it('go on over the connection that came last, from where its client was', () => {
    const { stream, connection } = opened(process());
    stream.event(event('a'));
    stream.event(event('b'));
    const second = new Connection();
    stream.attach(second.asResponse, 1);
    stream.event(event('c'));
    stream.end();
    expect([connection.events, second.events]).toEqual([
      ['"a"', '"b"'],
      ['"b"', '"c"'],
    ]);
    expect([connection.isEnded, second.isEnded]).toEqual([true, true]);
    expect(connection.ids).toHaveLength(3);
  });

  it('write nothing to the store while their client is there', async () => {
    const { stream, connection } = opened(process());
    for (let i = 0; i < 50; i++) stream.event(event('a'));
    stream.end();
    connection.leave();
    for (const close of closing) await close();
    expect(shared.store.size).toBe(0);
  });

  it('are to be had from another process once their client has gone, whole and in order', async () => {
    const [one, two] = [process(), process()];
    const { stream, connection } = opened(one);
    connection.leave();
    const sent = ['a', 'ä\u2028😀', 'x'.repeat(700_000), 'd'].map(event);
    for (const data of sent) stream.event(data);
    stream.end();
    const rest = await followed(two, connection);
    expect(rest.events).toEqual(sent.map(String));
  });

  it('are asked for by another process where their first connection has not broken', async () => {
    const [one, two] = [process(), process()];
    const { stream, connection } = opened(one);
    stream.event(event('a'));
    const following = followed(two, connection);
    stream.event(event('b'));
    setTimeout(() => {
      stream.event(event('c'));
      stream.end();
    }, 300);
    expect((await following).events).toEqual(['"b"', '"c"']);
  });

  it('leave what they had when their process goes, and are lost after that', async () => {
    const [one, two] = [process(), process()];
    const { stream, connection } = opened(one);
    connection.leave();
    stream.event(event('a'));
    await one.stored.onApplicationShutdown();
    const following = followed(two, connection);
    setTimeout(() => (clock.time += 16_000), 500);
    const { events } = await following;
    expect(events[0]).toBe('"a"');
    expect(JSON.parse(events[1]!)).toMatchObject({ id: 7, error: { data: { code: 'COMPOSER_CALL_LOST' } } });
  });

  it('lengthen no record that may have been written, and read already, when the store was away', async () => {
    const put = jest.spyOn(shared.store, 'put').mockRejectedValueOnce(new DatabaseUnavailableError('is away'));
    const one = process();
    const { stream, connection } = opened(one);
    stream.event(event('a'));
    connection.leave();
    await until(() => put.mock.calls.length === 1, 'the first try');
    stream.event(event('b'));
    stream.end();
    await until(() => put.mock.calls.length > 1, 'the second try', 3_000);
    const written = put.mock.calls.map(([, records]) =>
      records.filter(({ name }) => !name.endsWith('head')).map(({ name, body }) => [name, String(body).length]),
    );
    expect(written[0]).toHaveLength(1);
    expect(written[1]!.length).toBeGreaterThan(1);
    expect(written[1]![0]).toEqual(written[0]![0]);
    expect((await followed(process(), connection)).events).toEqual(['"b"']);
  });

  it('do not wait behind one that can never be written', async () => {
    const [one, two] = [process(), process()];
    const put = shared.store.put.bind(shared.store);
    jest.spyOn(shared.store, 'put').mockImplementation(async (tenant, ...rest) => {
      if (tenant !== acme) throw new UnknownTenantError();
      return put(tenant, ...rest);
    });
    const gone = principalOf('bob', { tenantId: tenantId('gone'), roles: ['caller'] });
    const stuck = one.kept.open({ principal: gone, session: session('g'), requestId: Buffer.from('1') });
    const broken = new Connection();
    stuck.attach(broken.asResponse);
    broken.leave();
    const { stream, connection } = opened(one);
    connection.leave();
    stream.event(event('a'));
    stream.end();
    expect((await followed(two, connection)).events).toEqual(['"a"']);
  });

  it('are lost at once where nobody else can have them', async () => {
    shared = await openSessionStore(clock, 'embedded');
    const { connection } = opened(process());
    expect((await followed(process(), connection)).events[0]).toContain('COMPOSER_CALL_LOST');
  });

  it('are forgotten five minutes after their end', () => {
    const { kept, ...rest } = process();
    const { stream } = opened({ kept, ...rest });
    opened({ kept, ...rest });
    stream.event(event('a'));
    stream.end();
    clock.time += 299_000;
    kept.sweep();
    expect(kept.find(stream.facts.id, 's')).toBe(stream);
    clock.time += 1_000;
    kept.sweep();
    expect(kept.find(stream.facts.id, 's')).toBeUndefined();
    expect(kept.size).toBe(1);
  });

  it('keep no more of a session than they may: what is over goes first, then the oldest', () => {
    const one = process();
    const [over, open, other] = [opened(one), opened(one), opened(one, session('t'))];
    over.stream.event(event('a'));
    over.stream.end();
    other.stream.event(event('b'));
    for (let i = 0; i < 1_001; i++) open.stream.event(event(String(i)));
    expect(one.kept.find(over.stream.facts.id, 's')).toBeUndefined();
    expect([open.stream.count, open.stream.after(0)[0]!.number, other.stream.count]).toEqual([1_000, 2, 1]);
    open.stream.event(event('x'.repeat(5 * 1024 * 1024)));
    expect(open.stream.bytes).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it('are nobody’s but of their session', () => {
    const one = process();
    const { stream } = opened(one);
    expect(one.kept.find(stream.facts.id, 't')).toBeUndefined();
  });
});
