import { beforeEach, describe, expect, it } from '@jest/globals';
import type { JsonObject, TenantId } from '#kernel';
import { type DocumentRef, KeyWrapper } from '#persistence';
import { MemoryDocuments, createTenantDocument, ringProvider } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { documentsTrailOn } from '../../testing/documents-on.js';
import { AuditCheck } from '../audit-check.js';
import type { AuditAnchor, AuditEvent } from '../audit-event.js';
import type { AuditTrail } from '../audit-trail.js';
import { eventsPath, headRef } from './chain-documents.js';
import { DocumentsAuditStore } from './documents.audit-store.js';

interface Entry {
  seq: number;
  body: string;
  hash: string;
}
/** Twenty documents of ten events, and a hundred of one. */
const EVENTS = 300;
const BAD = 137;
const SINGLE = 250;

const events = (count: number, from = 0): AuditEvent[] =>
  Array.from({ length: count }, (_, n) => ({ action: 'tool.called', actor: SYSTEM, target: `tool:t${from + n}` }));

describe('AuditCheck, on documents, against somebody who can write to them', () => {
  let documents: MemoryDocuments;
  let trail: AuditTrail;
  let check: AuditCheck;
  let tenant: TenantId;
  let head: AuditAnchor;
  let open: () => Promise<AuditTrail>;

  beforeEach(async () => {
    documents = new MemoryDocuments();
    const provider = await ringProvider();
    const wrapper = new KeyWrapper(provider);
    open = () => documentsTrailOn(documents, { provider });
    trail = await open();
    check = new AuditCheck(new DocumentsAuditStore(documents, wrapper), wrapper);
    tenant = await createTenantDocument(documents);
    for (let n = 0; n < 200; n += 10) await trail.record(tenant, ...events(10, n));
    for (let n = 200; n < EVENTS; n++) await trail.record(tenant, ...events(1, n));
    const verdict = await check.run(tenant);
    expect(verdict).toEqual({ checked: EVENTS, head: { seq: EVENTS, hash: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    head = verdict.head!;
  });

  const at = (first: number): DocumentRef => ({ partition: tenant, path: eventsPath(first) });
  const alter = async (ref: DocumentRef, change: (body: JsonObject) => JsonObject): Promise<void> => {
    const { rev, body } = (await documents.read(ref))!;
    await documents.write(ref, change(body), rev);
  };
  const alterEvents = (first: number, change: (entries: Entry[]) => unknown[]) =>
    alter(at(first), (body) => ({ ...body, events: change(body['events'] as unknown as Entry[]) as never }));
  const alterOne = (seq: number, change: (entry: Entry) => object) =>
    alterEvents(seq > 200 ? seq : Math.floor((seq - 1) / 10) * 10 + 1, (entries) =>
      entries.map((entry) => (entry.seq === seq ? { ...entry, ...change(entry) } : entry)),
    );
  const remove = async (first: number): Promise<void> => {
    const found = await documents.read(at(first));
    await documents.remove(at(first), found!.rev);
  };
  const alterHead = (change: JsonObject) => alter(headRef(tenant), (body) => ({ ...body, ...change }));

  it.each<[string, () => Promise<void>, object]>([
    [
      'the text',
      () => alterOne(BAD, ({ body }) => ({ body: body.replace('t136', 't137') })),
      { seq: BAD, kind: 'body' },
    ],
    ['the text, to what is no JSON', () => alterOne(BAD, () => ({ body: 'nothing' })), { seq: BAD, kind: 'body' }],
    ['the hash', () => alterOne(BAD, () => ({ hash: '00'.repeat(32) })), { seq: BAD, kind: 'hash' }],
    ['the hash, to nothing', () => alterOne(BAD, () => ({ hash: 7 })), { seq: BAD, kind: 'hash' }],
    ['the number', () => alterOne(BAD, () => ({ seq: 5000 })), { seq: BAD, kind: 'missing' }],
    ['the whole event', () => alterOne(BAD, () => ({ seq: 'x' })), { seq: BAD, kind: 'missing' }],
    [
      'a document, to one of another kind',
      () => alterEvents(131, () => [null, 4] as never),
      { seq: 131, kind: 'missing' },
    ],
    ['a single one', () => alterOne(SINGLE, () => ({ body: '{}' })), { seq: SINGLE, kind: 'body' }],
    ['the last one', () => alterOne(EVENTS, () => ({ body: '{}' })), { seq: EVENTS, kind: 'body' }],
    ['the hash of the last one', () => alterOne(EVENTS, () => ({ hash: '' })), { seq: EVENTS, kind: 'hash' }],
    [
      'one removed out of a document',
      () => alterEvents(131, (all) => all.filter(({ seq }) => seq !== BAD)),
      { seq: BAD, kind: 'missing' },
    ],
    ['a document, removed', () => remove(131), { seq: 131, kind: 'missing' }],
    ['the first document, removed', () => remove(1), { seq: 1, kind: 'missing' }],
    ['the last one, removed', () => remove(EVENTS), { seq: EVENTS, kind: 'truncated' }],
    [
      'two neighbours, exchanged',
      () => alterEvents(131, (all) => [...all.slice(0, 6), all[7]!, all[6]!, ...all.slice(8)]),
      { seq: BAD, kind: 'missing' },
    ],
    [
      'two neighbours, exchanged and numbered anew',
      () => alterEvents(131, ([a, b, ...all]) => [{ ...b!, seq: 131 }, { ...a!, seq: 132 }, ...all]),
      { seq: 131, kind: 'foreign' },
    ],
    ['the hash of the head', () => alterHead({ hash: '00'.repeat(32) }), { seq: EVENTS, kind: 'head' }],
    ['the key', () => alterHead({ wrapped: 'AAAA' }), { seq: 1, kind: 'key' }],
    ['the name of the key', () => alterHead({ keyId: 'other' }), { seq: 1, kind: 'key' }],
  ])('names what was altered: %s', async (_, tamper, fault) => {
    await tamper();
    expect((await check.run(tenant)).fault).toMatchObject(fault);
  });

  it('names what was added behind the end, and takes nothing for its own that others have put there', async () => {
    const { body } = (await documents.read(at(EVENTS)))!;
    const [entry] = body['events'] as unknown as [Entry];
    await documents.write(at(EVENTS + 1), { ids: ['x'], events: [{ ...entry, seq: EVENTS + 1 }] });
    expect((await check.run(tenant)).fault).toMatchObject({ seq: EVENTS + 1, kind: 'foreign' });
    await expect(trail.record(tenant, ...events(1))).rejects.toMatchObject({ code: 'COMPOSER_AUDIT_BROKEN' });
    await expect((await open()).record(tenant, ...events(1))).rejects.toMatchObject({ code: 'COMPOSER_AUDIT_BROKEN' });
  });

  it('names what was added further behind the end than its next event', async () => {
    const { body } = (await documents.read(at(EVENTS)))!;
    const [entry] = body['events'] as unknown as [Entry];
    await documents.write(at(EVENTS + 7), { ids: ['x'], events: [{ ...entry, seq: EVENTS + 7 }] });
    expect((await check.run(tenant)).fault).toMatchObject({ seq: EVENTS + 1, kind: 'foreign' });
  });

  it('names the end of a trail whose head was removed', async () => {
    await documents.remove(headRef(tenant), (await documents.read(headRef(tenant)))!.rev);
    expect((await check.run(tenant)).fault).toMatchObject({ seq: 1, kind: 'head' });
    await expect((await open()).record(tenant, ...events(1))).rejects.toMatchObject({ code: 'COMPOSER_AUDIT_BROKEN' });
  });

  it('sees by an anchor that the end was cut off, head and all', async () => {
    const [cut] = (await documents.read(at(200 + 1)))!.body['events'] as unknown as [Entry];
    for (let n = 202; n <= EVENTS; n++) await remove(n);
    await alterHead({ seq: 201, hash: cut.hash });
    expect((await check.run(tenant)).fault).toBeUndefined();
    expect((await check.run(tenant, { anchor: head })).fault).toMatchObject({ seq: 202, kind: 'truncated' });
  });

  it('takes events behind the head for good that a crash has left there, and goes on behind them', async () => {
    const [seen] = (await documents.read(at(290)))!.body['events'] as unknown as [Entry];
    await alterHead({ seq: 290, hash: seen.hash });
    expect(await check.run(tenant)).toEqual({ checked: EVENTS, head });
    await (await open()).record(tenant, ...events(1));
    const verdict = await check.run(tenant);
    expect(verdict).toMatchObject({ checked: EVENTS + 1, head: { seq: EVENTS + 1 } });
    expect((await documents.read(headRef(tenant)))!.body).toMatchObject({ seq: EVENTS + 1, hash: verdict.head!.hash });
  });

  it('goes on in the middle of a document', async () => {
    expect(await check.run(tenant, { after: BAD })).toEqual({ checked: EVENTS - BAD, head });
    await alterOne(BAD - 1, () => ({ body: '{}' }));
    expect((await check.run(tenant, { after: BAD })).fault).toBeUndefined();
    expect((await check.run(tenant, { after: EVENTS + 1 })).fault).toMatchObject({ kind: 'truncated' });
  });
});
