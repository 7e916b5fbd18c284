import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import { CLI, SYSTEM } from '#tenancy';
import { type OpenTrail, describeOnEveryTrail } from '../testing/every-trail.js';
import { AuditExport } from './audit-export.js';
import { type AuditQuery, AuditReader } from './audit-reader.js';
import type { AuditTrail } from './audit-trail.js';

const ALL = { order: 'oldest', limit: 100 } as const;
const at = (second: number) => 1_700_000_000_000 + second * 1000;

describeOnEveryTrail('AuditReader and AuditExport', (open) => {
  let opened: OpenTrail;
  let trail: AuditTrail;
  let reader: AuditReader;
  let tenant: TenantId;
  let other: TenantId;

  beforeAll(async () => {
    opened = await open();
    ({ trail } = opened);
    reader = new AuditReader(opened.store);
    tenant = await opened.createTenant();
    other = await opened.createTenant();
    await trail.record(
      tenant,
      { action: 'server.registered', actor: CLI, target: 'server:crm', at: at(1), after: { id: 'crm' } },
      { action: 'server.updated', actor: SYSTEM, target: 'server:crm', at: at(2) },
      { action: 'server_x.updated', actor: SYSTEM, target: 'server:erp', at: at(3) },
      { action: 'tool.called', actor: SYSTEM, target: 'tool:crm_find', at: at(4), outcome: 'failed' },
      { action: 'tool.called', actor: CLI, target: 'tool:crm_find', at: at(5) },
    );
    await trail.record(other, { action: 'server.registered', actor: CLI, target: 'server:crm' });
  });
  afterAll(() => opened.close());

  const numbers = async (query: Partial<AuditQuery>, of = tenant) =>
    (await reader.page(of, { ...ALL, ...query })).items.map(({ seq }) => seq);

  it('gives an event back as it was recorded, with its place, time and hash', async () => {
    const { items, next } = await reader.page(tenant, { ...ALL, limit: 1 });
    expect(items).toEqual([
      {
        seq: 1,
        at: new Date(at(1)).toISOString(),
        outcome: 'done',
        action: 'server.registered',
        actor: CLI,
        target: 'server:crm',
        after: { id: 'crm' },
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
    expect(next).toBe(1);
  });

  it.each<[string, Partial<AuditQuery>, number[]]>([
    ['all', {}, [1, 2, 3, 4, 5]],
    ['the newest first', { order: 'newest' }, [5, 4, 3, 2, 1]],
    ['those behind a cursor', { cursor: 3 }, [4, 5]],
    ['those before a cursor', { order: 'newest', cursor: 3 }, [2, 1]],
    ['those up to a number', { until: 2 }, [1, 2]],
    ['those of an action', { action: 'tool.called' }, [4, 5]],
    ['those of actions that begin alike', { action: 'server.' }, [1, 2]],
    ['those of a text that means something to LIKE', { action: 'server_' }, [3]],
    ['none of a pattern', { action: '%' }, []],
    ['those of an actor', { actor: 'cli:cli' }, [1, 5]],
    ['those of a target', { target: 'server:crm' }, [1, 2]],
    ['those of a time', { from: new Date(at(2)), to: new Date(at(4)) }, [2, 3]],
    ['those that fit everything', { actor: 'system:composer', action: 'tool.', order: 'newest' }, [4]],
  ])('finds %s', async (_, query, found) => {
    expect(await numbers(query)).toEqual(found);
  });

  it('goes from page to page, and says when there is no other', async () => {
    for (const order of ['newest', 'oldest'] as const) {
      const pages: number[][] = [];
      let cursor: number | undefined;
      do {
        const page = await reader.page(tenant, { order, limit: 2, cursor });
        pages.push(page.items.map(({ seq }) => seq));
        cursor = page.next;
      } while (cursor !== undefined);
      expect(pages).toEqual(order === 'oldest' ? [[1, 2], [3, 4], [5]] : [[5, 4], [3, 2], [1]]);
    }
    expect(await reader.page(tenant, { ...ALL, limit: 5 })).not.toHaveProperty('next');
  });

  it('shows one tenant nothing of another', async () => {
    expect(await numbers({}, other)).toEqual([1]);
    expect(await numbers({}, await opened.createTenant())).toEqual([]);
  });

  it('ends a page of long events early, but gives one at least', async () => {
    const long = await opened.createTenant();
    const after = { text: 'x'.repeat(3 * 1024 * 1024) };
    for (let n = 0; n < 3; n++) await trail.record(long, { action: 'server.updated', actor: CLI, after });
    expect((await reader.page(long, ALL)).items).toHaveLength(1);
    expect((await reader.page(long, ALL)).next).toBe(1);
    await trail.record(long, { action: 'server.updated', actor: CLI, after: { text: after.text.repeat(2) } });
    expect((await reader.page(long, { ...ALL, order: 'newest' })).items.map(({ seq }) => seq)).toEqual([4]);
  });

  it('exports lines of JSON up to where the trail ended when it began', async () => {
    const busy = await opened.createTenant();
    const events = Array.from({ length: 1500 }, () => ({ action: 'tool.called', actor: CLI }));
    await trail.record(busy, ...events);
    const stream = await new AuditExport(reader).open(busy, { order: 'oldest' });
    await trail.record(busy, ...events);
    const text = (await stream.toArray()).join('');
    const seqs = text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { seq: number }).seq);
    expect(seqs).toEqual(Array.from({ length: 1500 }, (_, n) => n + 1));
    expect(text.endsWith('}\n')).toBe(true);
    expect(await (await new AuditExport(reader).open(busy, { order: 'oldest', action: 'x' })).toArray()).toEqual([]);
  });

  it('reads no further than its reader reads, and breaks off what takes too long or is not read', async () => {
    const busy = await opened.createTenant();
    await trail.record(busy, ...Array.from({ length: 5000 }, () => ({ action: 'tool.called', actor: CLI })));
    let pages = 0;
    class Counting extends AuditReader {
      override page(...of: Parameters<AuditReader['page']>) {
        pages++;
        return super.page(...of);
      }
    }
    const exports = new AuditExport(new Counting(opened.store));
    const unread = await exports.open(busy, { order: 'oldest' }, { stalledMs: 300 });
    const cut = new Promise((resolve) => unread.once('error', resolve));
    unread.once('readable', () => undefined);
    expect(await cut).toMatchObject({ code: 'COMPOSER_AUDIT_EXPORT_EXPIRED' });
    expect(pages).toBeLessThan(3);

    const late = await exports.open(busy, { order: 'oldest' }, { withinMs: 0 });
    await expect(late.toArray()).rejects.toMatchObject({ code: 'COMPOSER_AUDIT_EXPORT_EXPIRED', status: 504 });
  });

  it('makes a few exports at a time, and others when those are done', async () => {
    const exports = new AuditExport(reader);
    const streams = await Promise.all(Array.from({ length: 4 }, () => exports.open(tenant, { order: 'oldest' })));
    await expect(exports.open(tenant, { order: 'oldest' })).rejects.toMatchObject({ code: 'COMPOSER_AUDIT_BUSY' });
    await streams[0]!.toArray();
    streams[1]!.destroy();
    await new Promise((resolve) => streams[1]!.once('close', resolve));
    await (await exports.open(tenant, { order: 'oldest' })).toArray();
    for (const stream of streams) stream.destroy();
  });
});
