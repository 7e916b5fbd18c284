import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Clock, type TenantId } from '#kernel';
import { KeyWrapper, OPERATOR } from '#persistence';
import {
  type CloudantServer,
  type OpenCloudantDocuments,
  createTenantDocument,
  openCloudantDocuments,
  openCloudantServer,
  ringProvider,
} from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { recordedActions, recordingOn } from '../../testing/documents-on.js';
import { AuditCheck } from '../audit-check.js';
import { DocumentsAuditStore } from './documents.audit-store.js';

class LaterClock extends Clock {
  override now(): number {
    return super.now() + 60_000;
  }
}

describe('RecordedDocuments, on a Cloudant on a bad day', () => {
  let server: CloudantServer;
  const opened: OpenCloudantDocuments[] = [];
  const config = () => server.database();
  beforeAll(async () => void (server = await openCloudantServer()));
  afterAll(async () => {
    for (const { close } of opened) await close();
    await server?.close();
  });

  it('makes and records once what it says that it made, and whole what it does not know', async () => {
    const database = config();
    const open = async () => {
      const one = await openCloudantDocuments(database);
      opened.push(one);
      return one.documents;
    };
    const provider = await ringProvider();
    const documents = await open();
    const tenant: TenantId = await createTenantDocument(documents);
    const processes = [await recordingOn(documents, { provider }), await recordingOn(await open(), { provider })];
    const { faults } = server.front;
    faults.inject({ fault: { kind: 'accepted' }, method: 'PUT', share: 0.2 });
    faults.inject({ fault: { kind: 'lost' }, method: 'PUT', share: 0.05 });
    faults.inject({ fault: { kind: 'answer', status: 409 }, method: 'PUT', share: 0.05 });
    faults.inject({ fault: { kind: 'answer', status: 503 }, share: 0.05 });
    faults.inject({ fault: { kind: 'cut' }, method: 'PUT', share: 0.05 });
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    const outcomes = await Promise.allSettled(
      numbers.map((n) =>
        processes[n % 2]!.recorded.write(
          { partition: tenant, path: `thing/${n}` },
          { body: { n } },
          {
            event: { action: `thing.${n}`, actor: SYSTEM },
            topic: 'things',
            claims: [{ ref: { partition: tenant, path: `name/${n}` } }],
          },
        ),
      ),
    );
    faults.clear();
    const { sweep, recorded } = await recordingOn(documents, { provider, clock: new LaterClock() });
    await sweep.sweep();
    const made = (await recorded.range(tenant, { prefix: 'thing/' })).map(({ body }) => `thing.${body['n'] as number}`);
    const sure = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [`thing.${n}`] : []));
    expect(made).toEqual(expect.arrayContaining(sure));
    expect(sure.length).toBeGreaterThan(0);
    expect([...(await recordedActions(documents, tenant))].sort()).toEqual([...made].sort());
    const claimed = await documents.range(tenant, { prefix: 'name/' });
    expect(claimed.map(({ path }) => path.replace('name/', 'thing.')).sort()).toEqual([...made].sort());
    expect(await documents.range(OPERATOR, { prefix: 'outbox/' })).toEqual([]);
    const wrapper = new KeyWrapper(provider);
    const check = new AuditCheck(new DocumentsAuditStore(documents, wrapper), wrapper);
    expect(await check.run(tenant)).toMatchObject({ checked: made.length });
    expect((await check.run(tenant)).fault).toBeUndefined();
  }, 120_000);
});
