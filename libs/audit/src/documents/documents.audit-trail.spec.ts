import { beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantId, tenantId } from '#kernel';
import { DatabaseUnavailableError, type DocumentRef, type Documents, KeyWrapper, tenantDocument } from '#persistence';
import { MemoryDocuments, createTenantDocument, ringProvider } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { documentsTrailOn } from '../../testing/documents-on.js';
import { AuditCheck } from '../audit-check.js';
import type { AuditEvent } from '../audit-event.js';
import { AuditReader } from '../audit-reader.js';
import { headRef } from './chain-documents.js';
import { DocumentsAuditStore } from './documents.audit-store.js';

const event = (n: number): AuditEvent => ({ action: 'tool.called', actor: SYSTEM, target: `n:${n}` });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Documents that are away when a test wants it, before or after they have done what they were asked for. */
class FlakyDocuments extends MemoryDocuments {
  fail: (ref: DocumentRef) => 'before' | 'after' | undefined = () => undefined;
  override async write(...args: Parameters<Documents['write']>): Promise<string> {
    const when = this.fail(args[0]);
    if (when === 'before') throw new DatabaseUnavailableError('is away');
    const rev = await super.write(...args);
    if (when === 'after') throw new DatabaseUnavailableError('is away');
    return rev;
  }
}

describe('DocumentsAuditTrail', () => {
  let documents: FlakyDocuments;
  let provider: Awaited<ReturnType<typeof ringProvider>>;
  let tenant: TenantId;
  let check: AuditCheck;
  let reader: AuditReader;

  beforeEach(async () => {
    documents = new FlakyDocuments();
    provider = await ringProvider();
    tenant = await createTenantDocument(documents);
    const store = new DocumentsAuditStore(documents, new KeyWrapper(provider));
    check = new AuditCheck(store, new KeyWrapper(provider));
    reader = new AuditReader(store);
  });
  const open = () => documentsTrailOn(documents, { provider });
  const recorded = async () =>
    (await reader.page(tenant, { order: 'oldest', limit: 1000 })).items.map(({ target }) => Number(target!.slice(2)));

  it('makes one chain of what several processes record at the same time', async () => {
    const trails = [await open(), await open(), await open()];
    await Promise.all(numbers(90).map((n) => trails[n % 3]!.record(tenant, event(n))));
    expect((await recorded()).sort((a, b) => a - b)).toEqual(numbers(90));
    expect(await check.run(tenant)).toMatchObject({ checked: 90, head: { seq: 90 } });
  });

  it('puts into one document what comes while another is written', async () => {
    const trail = await open();
    await Promise.all(numbers(50).map((n) => trail.record(tenant, event(n))));
    expect(await recorded()).toEqual(numbers(50));
    expect((await documents.range(tenant, { prefix: 'audit/' })).length).toBeLessThan(4);
    expect(await check.run(tenant)).toMatchObject({ checked: 50, head: { seq: 50 } });
  });

  it('holds the trails of tenants apart', async () => {
    const [trail, other] = [await open(), await createTenantDocument(documents)];
    await Promise.all([trail.record(tenant, event(1)), trail.record(other, event(2), event(3))]);
    expect(await recorded()).toEqual([1]);
    expect(await check.run(other)).toMatchObject({ checked: 2 });
  });

  it.each(['before', 'after'] as const)(
    'records once although the database went away %s it had written',
    async (when) => {
      const trail = await open();
      await trail.record(tenant, event(0));
      let failures = 2;
      documents.fail = ({ path }) => (path.startsWith('audit/') && failures-- > 0 ? when : undefined);
      await trail.record(tenant, event(1));
      await trail.record(tenant, event(2));
      expect(await recorded()).toEqual([0, 1, 2]);
      expect(await check.run(tenant)).toMatchObject({ checked: 3 });
    },
  );

  it('says that it cannot know when the database stays away', async () => {
    const trail = await open();
    await trail.record(tenant, event(0));
    documents.fail = ({ path }) => (path.startsWith('audit/') ? 'before' : undefined);
    await expect(trail.record(tenant, event(1))).rejects.toMatchObject({ code: 'COMPOSER_DATABASE_COMMIT_UNKNOWN' });
    documents.fail = () => undefined;
    await trail.record(tenant, event(2));
    expect(await recorded()).toEqual([0, 2]);
  }, 20_000);

  it('leaves the head behind when only that cannot be written, and puts it right with the next event', async () => {
    const trail = await open();
    await trail.record(tenant, event(0));
    documents.fail = ({ path }) => (path.startsWith('audit-head/') ? 'before' : undefined);
    await trail.record(tenant, event(1));
    documents.fail = () => undefined;
    expect((await documents.read(headRef(tenant)))!.body['seq']).toBe(1);
    expect(await check.run(tenant)).toMatchObject({ checked: 2, head: { seq: 2 } });
    await (await open()).record(tenant, event(2));
    expect((await documents.read(headRef(tenant)))!.body['seq']).toBe(3);
    expect(await recorded()).toEqual([0, 1, 2]);
  });

  it('records nothing for a tenant that is not there, or not any more', async () => {
    const trail = await open();
    const nobody = tenantId('00000000-0000-4000-8000-0000000000ff');
    await expect(trail.record(nobody, event(1))).rejects.toMatchObject({ code: 'COMPOSER_TENANT_UNKNOWN' });
    await trail.record(tenant, event(1));
    for (const ref of [tenantDocument(tenant), headRef(tenant)]) {
      await documents.remove(ref, (await documents.read(ref))!.rev);
    }
    await expect(trail.record(tenant, event(2))).rejects.toMatchObject({ code: 'COMPOSER_TENANT_UNKNOWN' });
    expect(await documents.range(tenant, { prefix: '' })).toHaveLength(1);
    await expect(trail.record(tenant, event(3))).rejects.toMatchObject({ code: 'COMPOSER_TENANT_UNKNOWN' });
  });

  it('ends a page after 20,000 events, and says where to go on', async () => {
    const trail = await open();
    for (let n = 0; n < 50; n++) await trail.record(tenant, ...numbers(1000).map(event));
    await trail.record(tenant, { ...event(1), action: 'server.updated' });
    const query = { order: 'oldest', limit: 10, action: 'server.' } as const;
    const first = await reader.page(tenant, query);
    expect(first).toMatchObject({ items: [], next: 20_000 });
    const second = await reader.page(tenant, { ...query, cursor: first.next });
    const third = await reader.page(tenant, { ...query, cursor: second.next });
    expect(third.items.map(({ seq }) => seq)).toEqual([50_001]);
    expect(third).not.toHaveProperty('next');
  });
});
