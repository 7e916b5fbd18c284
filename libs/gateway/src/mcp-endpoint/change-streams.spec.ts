import type { IncomingMessage } from 'node:http';
import { LIST_KINDS, type ListKind, type MemberPool } from '#builder';
import { Clock, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { VirtualServerDirectory } from '#registry';
import type { Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EVERYTHING } from '../catalog/selection.js';
import type { Selections } from '../catalog/selections.js';
import { ChangeStreams } from './change-streams.js';
import type { HttpReply } from './http-reply.js';
import { OpenExchanges } from './open-exchanges.js';

const acme = tenantId('acme');
const globex = tenantId('globex');
const client = { capabilities: [] };

/** A request of the principal. */
const requestOf = (principal: Principal) => ({ principal }) as unknown as IncomingMessage;
const senderOf = (request: IncomingMessage) => (request as unknown as { principal: Principal }).principal;

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
  cutOff({ code }: { code: string }): void {
    this.told.push(code);
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
  let listeners: Set<(tenant: string, lists: ReadonlySet<ListKind>) => void>;
  let virtual: Set<(tenant: string) => void>;
  let closed: Set<string>;
  let exchanges: OpenExchanges;

  beforeEach(() => {
    jest.useFakeTimers();
    listeners = new Set();
    const pool = {
      onChange: (listener: (tenant: string, lists: ReadonlySet<ListKind>) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    virtual = new Set();
    const directory = {
      onChange: (listener: (tenant: string) => void) => {
        virtual.add(listener);
        return () => virtual.delete(listener);
      },
    };
    closed = new Set();
    const selections = { find: (_: unknown, slug: string) => (closed.has(slug) ? undefined : EVERYTHING) };
    exchanges = new OpenExchanges(new Clock());
    exchanges.onModuleInit();
    streams = new ChangeStreams(
      pool as unknown as MemberPool,
      directory as unknown as VirtualServerDirectory,
      selections as unknown as Selections,
      exchanges,
      Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined),
    );
    streams.onModuleInit();
  });
  afterEach(() => {
    streams.beforeApplicationShutdown();
    exchanges.onApplicationShutdown();
    jest.useRealTimers();
  });

  const changed = (tenant: string, ...lists: readonly ListKind[]) =>
    listeners.forEach((listener) => listener(tenant, lists.length > 0 ? new Set(lists) : LIST_KINDS));
  const settle = () => jest.advanceTimersByTimeAsync(1);

  interface Wish {
    readonly tenant?: typeof acme;
    readonly farewell?: string;
    readonly slug?: string;
    readonly expiresAt?: number;
  }

  function open(key: string, { tenant = acme, farewell, slug = '', expiresAt }: Wish = {}): ToldReply {
    const reply = new ToldReply();
    const credential = { kind: 'token', id: key, ...(expiresAt === undefined ? {} : { expiresAt }) } as const;
    const principal = principalOf('ann', { tenantId: tenant, credential });
    const last = farewell === undefined ? {} : { farewell: Buffer.from(farewell) };
    const told = {
      reply: reply as unknown as HttpReply,
      notices: new Map([['tools', Buffer.from(`notice ${key}`)]] as const),
    };
    const stream = { principal, client, request: requestOf(principal), slug, key, ...told, ...last };
    expect(streams.add(stream)).toBe(true);
    return reply;
  }

  it('tells every stream of the tenant of a change, and no other', async () => {
    const [one, two, foreign] = [open('1'), open('2'), open('3', { tenant: globex })];
    changed(acme);
    await settle();
    expect([one.told, two.told, foreign.told]).toEqual([['notice 1'], ['notice 2'], []]);
  });

  it('tells when the first of a tenant listens, and when the last has gone', () => {
    const heard: unknown[] = [];
    streams.onAudience((tenant, isThere) => heard.push([tenant, isThere]));
    const [one, two] = [open('1'), open('2')];
    open('3', { tenant: globex });
    one.leave();
    expect(heard).toEqual([
      [acme, true],
      [globex, true],
    ]);
    expect(streams.hasAudience(acme)).toBe(true);
    two.leave();
    expect(heard.slice(2)).toEqual([[acme, false]]);
    expect(streams.hasAudience(acme)).toBe(false);
  });

  it('tells of a list that has changed those who want to hear of it, whatever else has', async () => {
    const hearing = (key: string, ...lists: readonly ListKind[]) => {
      const reply = new ToldReply();
      const principal = principalOf('ann', { tenantId: acme });
      const notices = new Map(lists.map((list) => [list, Buffer.from(list)]));
      const told = { reply: reply as unknown as HttpReply, notices };
      streams.add({ principal, client, request: requestOf(principal), slug: '', key, ...told });
      return reply;
    };
    const [all, prompts, none] = [hearing('1', ...LIST_KINDS), hearing('2', 'prompts'), hearing('3')];
    changed(acme, 'resources');
    await settle();
    expect([all.told, prompts.told, none.told]).toEqual([['resources'], [], []]);
    changed(acme, 'prompts');
    changed(acme, 'tools');
    await settle();
    expect(all.told).toEqual(['resources', 'tools', 'prompts']);
    expect([prompts.told, none.told]).toEqual([['prompts'], []]);
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

  it('warns the streams of a tenant that want to hear of it and are meant, in the form of their era', async () => {
    const hearing = (key: string, tenant: typeof acme, more: object = {}) => {
      const reply = new ToldReply();
      const principal = principalOf(key, { tenantId: tenant });
      const told = { reply: reply as unknown as HttpReply, notices: new Map() };
      streams.add({
        principal,
        client,
        request: requestOf(principal),
        slug: '',
        key,
        ...told,
        takesWarnings: () => true,
        ...more,
      });
      return reply;
    };
    const plain = hearing('1', acme);
    const others = [
      hearing('2', acme, { takesWarnings: () => false }),
      hearing('3', acme, { takesWarnings: undefined }),
      hearing('4', globex),
      hearing('5', acme),
    ];
    const modern = hearing('6', acme, { meta: { id: 7 } });
    streams.warn(acme, { method: 'm', params: { a: 1 } }, async ({ principal }) => {
      if (principal.id === '5') throw new Error('not known');
      return true;
    });
    await settle();
    expect([plain.told, modern.told]).toEqual([
      ['{"jsonrpc":"2.0","method":"m","params":{"a":1}}'],
      ['{"jsonrpc":"2.0","method":"m","params":{"_meta":{"id":7},"a":1}}'],
    ]);
    expect(others.flatMap(({ told }) => told)).toEqual([]);
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
    const of = (tenant: string) => principalOf('ann', { tenantId: tenantId(tenant) });
    const stream = {
      principal: of('acme'),
      client,
      request: requestOf(of('acme')),
      slug: '',
      key: 'new',
      reply: reply as unknown as HttpReply,
      notices: new Map(),
    };
    expect(streams.add(stream)).toBe(false);
    expect(streams.add({ ...stream, principal: of('t7'), key: '7' })).toBe(true);
    streams.end('8');
    expect(streams.add({ ...stream, principal: of('t7') })).toBe(false);
    expect(streams.add(stream)).toBe(true);
  });

  it('takes no stream once the process stops', () => {
    streams.beforeApplicationShutdown();
    const stream = {
      principal: principalOf('ann', { tenantId: acme }),
      client,
      request: requestOf(principalOf('ann')),
      slug: '',
      key: 'late',
      reply: new ToldReply() as unknown as HttpReply,
      notices: new Map(),
    };
    expect(streams.add(stream)).toBe(false);
  });

  it('tells of changed virtual servers, and ends the streams of those that are there no more', async () => {
    const [all, stays, goes] = [open('1'), open('2', { slug: 'desk' }), open('3', { slug: 'gone' })];
    closed.add('gone');
    virtual.forEach((listener) => listener(acme));
    await settle();
    expect([all.told, stays.told, goes.told]).toEqual([
      ['notice 1'],
      ['notice 2'],
      ['COMPOSER_VIRTUAL_SERVER_UNKNOWN'],
    ]);
    changed(acme);
    await settle();
    expect(goes.told).toHaveLength(1);
  });

  it('ends the stream of a principal that may call no more, and lets go of it', async () => {
    const [revoked, other] = [open('1'), open('2')];
    expect(exchanges.size).toBe(2);
    expect(exchanges.end(({ credential }) => credential.id === '1')).toBe(1);
    expect([revoked.told, exchanges.size]).toEqual([['COMPOSER_ACCESS_ENDED'], 1]);
    changed(acme);
    await settle();
    expect([revoked.told, other.told]).toEqual([['COMPOSER_ACCESS_ENDED'], ['notice 2']]);
  });

  it('ends a stream when its credential expires, and not before', async () => {
    const reply = open('1', { expiresAt: Date.now() + 10_000 });
    open('2');
    await jest.advanceTimersByTimeAsync(9_000);
    expect(reply.told).toEqual([]);
    await jest.advanceTimersByTimeAsync(2_000);
    expect([reply.told, exchanges.size]).toEqual([['COMPOSER_ACCESS_ENDED'], 1]);
  });

  it('tells a principal whose permissions have changed that its list has', async () => {
    const reply = open('1');
    const ask = async (request: IncomingMessage) => ({ ...senderOf(request), roles: ['developer'] });
    await exchanges.recheck(acme, ask);
    await settle();
    await exchanges.recheck(acme, ask);
    await settle();
    expect(reply.told).toEqual(['notice 1']);
  });
});
