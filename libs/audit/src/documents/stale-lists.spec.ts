import { beforeEach, describe, expect, it } from '@jest/globals';
import type { TenantId } from '#kernel';
import { KeyWrapper } from '#persistence';
import { MemoryDocuments, StaleDocuments, createTenantDocument, ringProvider } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { documentsTrailOn, recordedActions, recordingOn } from '../../testing/documents-on.js';
import { AuditCheck } from '../audit-check.js';
import type { AuditEvent } from '../audit-event.js';
import { DocumentsAuditStore } from './documents.audit-store.js';

const event = (action: string): AuditEvent => ({ action, actor: SYSTEM });
/** Of ten documents that follow each other, lists lack some at the front, in the middle and at the end. */
const some = (path: string): boolean => /[1257890]$/.test(path);

describe.each([
  ['nothing of what is new', undefined],
  ['some of what is new, and some not', some],
])('a trail on documents, where lists show %s', (_, isLate) => {
  let real: MemoryDocuments;
  let stale: StaleDocuments;
  let provider: Awaited<ReturnType<typeof ringProvider>>;
  let tenant: TenantId;

  beforeEach(async () => {
    real = new MemoryDocuments();
    provider = await ringProvider();
    tenant = await createTenantDocument(real);
    stale = new StaleDocuments(real, isLate);
  });

  const open = () => documentsTrailOn(stale, { provider });
  const store = () => new DocumentsAuditStore(stale, new KeyWrapper(provider));
  const check = () => new AuditCheck(store(), new KeyWrapper(provider));
  const numbers = (count: number) => Array.from({ length: count }, (__, n) => n);

  it('takes the events of two processes in turn, once each and in their order', async () => {
    const [one, other] = [await open(), await open()];
    for (const n of numbers(30)) {
      await one.record(tenant, event(`one.${n}`));
      if (n % 3 === 0) await other.record(tenant, event(`other.${n}`), event(`other.${n}`));
    }
    const made = numbers(30).flatMap((n) => [`one.${n}`, ...(n % 3 === 0 ? [`other.${n}`, `other.${n}`] : [])]);
    expect(await recordedActions(real, tenant)).toEqual(made);
  });

  it('takes the events of processes that record at the same time', async () => {
    const processes = [await open(), await open(), await open()];
    await Promise.all(numbers(45).map((n) => processes[n % 3]!.record(tenant, event(`e.${n}`))));
    expect([...(await recordedActions(real, tenant))].sort()).toEqual(
      numbers(45)
        .map((n) => `e.${n}`)
        .sort(),
    );
    expect(await check().run(tenant)).toMatchObject({ checked: 45 });
  });

  it('knows what it has recorded already, whoever did it', async () => {
    const [one, other] = [await open(), await open()];
    await one.record(tenant, event('first'));
    const once = { id: 'change-1', after: await other.reached(tenant) };
    await one.append(tenant, [event('made')], once);
    for (const n of numbers(12)) await one.record(tenant, event(`e.${n}`));
    await other.append(tenant, [event('made')], once);
    expect((await recordedActions(real, tenant)).filter((action) => action === 'made')).toHaveLength(1);
  });

  it('is found to be whole, from any event on, and is given whole', async () => {
    const trail = await open();
    for (const n of numbers(40)) await trail.record(tenant, ...numbers((n % 3) + 1).map((m) => event(`e.${n}.${m}`)));
    const { checked, head, fault } = await check().run(tenant);
    expect({ checked, seq: head?.seq, fault }).toEqual({ checked: 79, seq: 79, fault: undefined });
    for (const after of numbers(79)) {
      expect(await check().run(tenant, { after })).toMatchObject({ checked: 79 - after });
      expect((await check().run(tenant, { after })).fault).toBeUndefined();
    }
    const { rows } = await store().page(tenant, { order: 'oldest', limit: 1_000 });
    expect(rows.map(({ seq }) => seq)).toEqual(numbers(79).map((n) => n + 1));
  });

  it('is found to be whole where a crash has left events behind its head', async () => {
    const trail = await open();
    await trail.record(tenant, event('first'));
    const head = { partition: tenant, path: 'audit-head/1' };
    const left = (await real.read(head))!.body;
    for (const n of numbers(12)) await trail.record(tenant, event(`e.${n}`));
    await real.write(head, left, (await real.read(head))!.rev);
    const verdict = await check().run(tenant);
    expect(verdict).toMatchObject({ checked: 13, head: { seq: 13 } });
    await (await open()).record(tenant, event('last'));
    expect(await check().run(tenant)).toMatchObject({ checked: 14, head: { seq: 14 } });
  });

  it('shows by its first event that its head was removed', async () => {
    await (await open()).record(tenant, event('first'));
    const head = { partition: tenant, path: 'audit-head/1' };
    await real.remove(head, (await real.read(head))!.rev);
    expect((await check().run(tenant)).fault).toMatchObject({ seq: 1, kind: 'head' });
  });

  it('goes with changes of documents by several processes', async () => {
    const processes = [await recordingOn(stale, { provider }), await recordingOn(stale, { provider })];
    const ref = (n: number) => ({ partition: tenant, path: `thing/${n}` });
    await Promise.all(
      numbers(20).map(async (n) => {
        const { recorded } = processes[n % 2]!;
        const claims = [{ ref: { partition: tenant, path: `name/${n}` } }];
        const rev = await recorded.write(ref(n), { body: { n } }, { event: event('made'), topic: 'things', claims });
        await processes[(n + 1) % 2]!.recorded.remove(ref(n), rev, { event: event('gone'), topic: 'things' });
      }),
    );
    const actions = await recordedActions(real, tenant);
    expect(actions.filter((action) => action === 'made')).toHaveLength(20);
    expect(actions.filter((action) => action === 'gone')).toHaveLength(20);
    expect(await check().run(tenant)).toMatchObject({ checked: 40 });
  });
});
