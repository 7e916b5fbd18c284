import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock, type TenantId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { type OpenTrail, describeOnEveryTrail } from '../testing/every-trail.js';
import { AuditBatches } from './audit-batches.js';
import type { AuditEvent } from './audit-event.js';
import { AuditReader } from './audit-reader.js';

const acme = tenantId('acme');
const globex = tenantId('globex');
const event = (n: number): AuditEvent => ({ action: 'tool.called', actor: SYSTEM, target: `n:${n}` });
const numbersOf = (events: readonly AuditEvent[]): number[] => events.map(({ target }) => Number(target!.slice(2)));
const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => n + from);

/** A sink that can be told to fail. */
class Sink {
  readonly written: { tenant: TenantId; events: readonly AuditEvent[] }[] = [];
  fail: ((tenant: TenantId, events: readonly AuditEvent[]) => Error | undefined) | undefined;
  under = 0;
  most = 0;

  record = async (tenant: TenantId, ...events: readonly AuditEvent[]): Promise<void> => {
    this.most = Math.max(this.most, ++this.under);
    await new Promise((resolve) => setImmediate(resolve));
    this.under--;
    const error = this.fail?.(tenant, events);
    if (error) throw error;
    this.written.push({ tenant, events });
  };

  of(tenant: TenantId): AuditEvent[] {
    return this.written.filter((one) => one.tenant === tenant).flatMap(({ events }) => events);
  }
}

const away = () => new Error('the database is away');

describe('AuditBatches', () => {
  let sink: Sink;
  let batches: AuditBatches;
  let lines: string[];

  beforeEach(() => {
    sink = new Sink();
    lines = [];
    const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => lines.push(line));
    batches = new AuditBatches(sink, new Clock(), log);
  });
  afterEach(async () => {
    sink.fail = undefined;
    await batches.onApplicationShutdown();
  });

  it('writes what was recorded together in one batch of its tenant, by itself', async () => {
    for (const n of range(20)) {
      batches.record(acme, event(n));
      batches.record(globex, event(n));
    }
    expect(sink.written).toEqual([]);
    const began = performance.now();
    await until(() => sink.written.length === 2, 'both tenants to be written');
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(numbersOf(sink.of(acme))).toEqual(range(20));
    expect(numbersOf(sink.of(globex))).toEqual(range(20));
  });

  it('keeps the time of what happened, not of when it is written', async () => {
    batches.record(acme, { ...event(1), at: 1_000 });
    batches.record(acme, event(2));
    await batches.flush();
    const [first, second] = sink.of(acme);
    expect(first!.at).toBe(1_000);
    expect(Math.abs(second!.at! - Date.now())).toBeLessThan(60_000);
  });

  it('writes a full batch at once, and no more than 500 events in one', async () => {
    for (const n of range(1200)) batches.record(acme, event(n));
    await batches.flush();
    expect(sink.written.map(({ events }) => events.length)).toEqual([500, 500, 200]);
    expect(numbersOf(sink.of(acme))).toEqual(range(1200));
  });

  it('writes a few tenants at a time, and forgets none', async () => {
    const tenants = range(30).map((n) => tenantId(`t${n}`));
    for (const tenant of tenants) batches.record(tenant, event(1));
    await batches.flush();
    expect(sink.most).toBe(4);
    expect(new Set(sink.written.map(({ tenant }) => tenant)).size).toBe(30);
  });

  it('keeps everything in order while the sink is away, and tells so once', async () => {
    let tries = 0;
    sink.fail = () => (++tries <= 3 ? away() : undefined);
    for (const n of range(700)) batches.record(acme, event(n));
    await batches.flush();
    expect(numbersOf(sink.of(acme))).toEqual(range(700));
    expect(lines.filter((line) => line.includes('cannot be written'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('written again'))).toHaveLength(1);
  });

  it('loses and doubles nothing when the sink fails at random', async () => {
    sink.fail = () => (Math.random() < 0.3 ? away() : undefined);
    for (const n of range(300)) {
      batches.record(n % 2 ? acme : globex, event(n));
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await batches.flush();
    expect(numbersOf([...sink.of(acme), ...sink.of(globex)]).sort((a, b) => a - b)).toEqual(range(300));
  });

  it('lets nothing through that it could not keep: of one tenant, while others go on, and of all', async () => {
    sink.fail = away;
    for (const n of range(20_000)) batches.record(acme, event(n));
    const refusal = { code: 'COMPOSER_AUDIT_BACKLOG', status: 503, retryable: true };
    expect(() => batches.record(acme, event(0))).toThrow(expect.objectContaining(refusal));
    expect(() => batches.reserve(acme)).toThrow(expect.objectContaining(refusal));
    for (const n of range(20_000)) batches.record(globex, event(n));
    for (const n of range(10_000)) batches.record(tenantId('initech'), event(n));
    expect(() => batches.record(tenantId('hooli'), event(0))).toThrow(expect.objectContaining(refusal));
    sink.fail = undefined;
    await batches.flush();
    expect(sink.of(acme)).toHaveLength(20_000);
    batches.record(tenantId('hooli'), event(0));
  });

  it('keeps a place for what is under way, and takes it back', async () => {
    sink.fail = away;
    for (const _ of range(20_000)) batches.reserve(acme);
    expect(() => batches.reserve(acme)).toThrow('try again');
    batches.release(acme);
    batches.reserve(acme);
    sink.fail = undefined;
    for (const n of range(20_000)) batches.recordReserved(acme, event(n));
    await batches.flush();
    expect(sink.of(acme)).toHaveLength(20_000);
  });

  it('does not let one event that cannot be stored keep the others from it', async () => {
    const bad = Object.assign(new Error('no such tenant'), { code: '23503' });
    sink.fail = (_, events) => (events.some(({ target }) => target === 'n:7') ? bad : undefined);
    for (const n of range(20)) batches.record(acme, event(n));
    await batches.flush();
    expect(numbersOf(sink.of(acme))).toEqual(range(20).filter((n) => n !== 7));
    expect(lines.filter((line) => line.includes('cannot be recorded') && line.includes('n:7'))).toHaveLength(1);
  });

  it('records at once where that is asked, and later what cannot be recorded at once', async () => {
    batches.reserve(acme);
    await batches.recordReservedNow(acme, event(1));
    expect(numbersOf(sink.of(acme))).toEqual([1]);
    sink.fail = away;
    batches.reserve(acme);
    await expect(batches.recordReservedNow(acme, event(2))).rejects.toMatchObject({ code: 'COMPOSER_AUDIT_DELAYED' });
    sink.fail = undefined;
    await batches.flush();
    expect(numbersOf(sink.of(acme))).toEqual([1, 2]);
  });

  it('writes the rest when the application stops', async () => {
    for (const n of range(10)) batches.record(acme, event(n));
    await batches.onApplicationShutdown();
    expect(sink.of(acme)).toHaveLength(10);
  });
});

describeOnEveryTrail('AuditBatches', (open) => {
  let opened: OpenTrail;
  beforeEach(async () => void (opened = await open()));
  afterEach(() => opened.close());

  it('leaves whole trails behind, one beside another', async () => {
    const { trail, check } = opened;
    const log = Log.open({ level: 'error', format: 'json' }, new SecretValues(), () => undefined);
    const batches = new AuditBatches(trail, new Clock(), log);
    const tenants = [await opened.createTenant(), await opened.createTenant()];
    for (const n of range(1500)) for (const tenant of tenants) batches.record(tenant, event(n));
    const gone = tenantId('00000000-0000-4000-8000-0000000000ff');
    batches.record(gone, event(1));
    await batches.flush();
    for (const tenant of tenants) {
      expect(await check.run(tenant)).toMatchObject({ checked: 1500 });
      const query = { order: 'oldest', limit: 1000 } as const;
      const first = await new AuditReader(opened.store).page(tenant, query);
      expect(numbersOf(first.items as unknown as AuditEvent[])).toEqual(range(1000));
      expect(first.next).toBe(1000);
    }
    await batches.onApplicationShutdown();
  });
});
