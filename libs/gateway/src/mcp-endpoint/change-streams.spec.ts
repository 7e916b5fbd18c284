import type { MemberPool } from '#builder';
import { tenantId } from '#kernel';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ChangeStreams } from './change-streams.js';
import type { HttpReply } from './http-reply.js';

const acme = tenantId('acme');
const globex = tenantId('globex');

/** A reply that keeps what it was told, and whose caller leaves when a test says so. */
class ToldReply {
  readonly told: string[] = [];
  leave: () => void = () => undefined;

  event(parts: readonly Buffer[]): void {
    this.told.push(Buffer.concat(parts).toString());
  }
  endStream(): void {
    this.told.push('end');
  }
  keepAlive(): void {
    this.told.push('alive');
  }
  onAbandoned(listener: () => void): void {
    this.leave = listener;
  }
}

describe('ChangeStreams', () => {
  let streams: ChangeStreams;
  let listeners: Set<(tenant: string) => void>;

  beforeEach(() => {
    jest.useFakeTimers();
    listeners = new Set();
    const pool = {
      onChange: (listener: (tenant: string) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    streams = new ChangeStreams(pool as unknown as MemberPool);
    streams.onModuleInit();
  });
  afterEach(() => {
    streams.beforeApplicationShutdown();
    jest.useRealTimers();
  });

  const changed = (tenant: string) => listeners.forEach((listener) => listener(tenant));
  const settle = () => jest.advanceTimersByTimeAsync(1);

  function open(key: string, { tenant = acme, farewell }: { tenant?: typeof acme; farewell?: string } = {}): ToldReply {
    const reply = new ToldReply();
    const last = farewell === undefined ? {} : { farewell: Buffer.from(farewell) };
    const stream = { tenant, key, reply: reply as unknown as HttpReply, notice: Buffer.from(`notice ${key}`), ...last };
    expect(streams.add(stream)).toBe(true);
    return reply;
  }

  it('tells every stream of the tenant of a change, and no other', async () => {
    const [one, two, foreign] = [open('1'), open('2'), open('3', { tenant: globex })];
    changed(acme);
    await settle();
    expect([one.told, two.told, foreign.told]).toEqual([['notice 1'], ['notice 2'], []]);
  });

  it('tells changes that come together once, and later ones again', async () => {
    const [own, foreign] = [open('1'), open('2', { tenant: globex })];
    for (let i = 0; i < 50; i++) changed(acme);
    changed(globex);
    await settle();
    expect([own.told, foreign.told]).toEqual([['notice 1'], ['notice 2']]);
    changed(acme);
    await settle();
    expect(own.told).toEqual(['notice 1', 'notice 1']);
  });

  it('lets a second stream of one key take the place of the first', async () => {
    const [first, second] = [open('1'), open('1')];
    expect(first.told).toEqual(['end']);
    first.leave();
    changed(acme);
    await settle();
    expect(second.told).toEqual(['notice 1']);
    expect(first.told).toEqual(['end']);
  });

  it('forgets a stream whose caller has left', async () => {
    const reply = open('1');
    reply.leave();
    changed(acme);
    await settle();
    expect(reply.told).toEqual([]);
  });

  it('ends the stream of a session that is over', async () => {
    const [ended, other] = [open('1'), open('2')];
    streams.end('1');
    streams.end('unknown');
    changed(acme);
    await settle();
    expect([ended.told, other.told]).toEqual([['end'], ['notice 2']]);
  });

  it('keeps connections from looking dead', async () => {
    const reply = open('1');
    await jest.advanceTimersByTimeAsync(60_000);
    expect(reply.told.length).toBeGreaterThanOrEqual(3);
    expect(new Set(reply.told)).toEqual(new Set(['alive']));
  });

  it('says farewell at shutdown where the era has one, ends every stream, and falls silent', async () => {
    const [legacy, modern] = [open('1'), open('2', { farewell: 'bye' })];
    changed(acme);
    streams.beforeApplicationShutdown();
    expect([legacy.told, modern.told]).toEqual([['end'], ['bye', 'end']]);
    expect(listeners.size).toBe(0);
    await jest.advanceTimersByTimeAsync(60_000);
    expect([legacy.told, modern.told]).toEqual([['end'], ['bye', 'end']]);
  });

  it('holds ten thousand streams open, a thousand of one tenant, and no more, though each may still be replaced', () => {
    for (let i = 0; i < 10_000; i++) open(String(i), { tenant: tenantId(`t${i % 10}`) });
    const reply = new ToldReply();
    const stream = { tenant: acme, key: 'new', reply: reply as unknown as HttpReply, notice: Buffer.alloc(0) };
    expect(streams.add(stream)).toBe(false);
    expect(streams.add({ ...stream, tenant: tenantId('t7'), key: '7' })).toBe(true);
    streams.end('8');
    expect(streams.add({ ...stream, tenant: tenantId('t7') })).toBe(false);
    expect(streams.add(stream)).toBe(true);
  });

  it('takes no stream once the process stops', () => {
    streams.beforeApplicationShutdown();
    const stream = {
      tenant: acme,
      key: 'late',
      reply: new ToldReply() as unknown as HttpReply,
      notice: Buffer.alloc(0),
    };
    expect(streams.add(stream)).toBe(false);
  });
});
