import { beforeEach, describe, expect, it } from '@jest/globals';
import { Clock, type TenantId } from '#kernel';
import { DatabaseUnavailableError, type DocumentRef, type Documents, OPERATOR, tenantDocument } from '#persistence';
import { MemoryDocuments, createTenantDocument, ringProvider } from '#persistence/testing';
import { DEFAULT_TENANT, SYSTEM } from '#tenancy';
import { recordedActions, recordingOn } from '../../testing/documents-on.js';
import { WatchedDocuments, type WatchedRequest } from '../../testing/watched-documents.js';
import type { AuditEvent } from '../audit-event.js';
import { eventsPath, headRef } from './chain-documents.js';
import type { RecordedChange } from './pending-change.js';

const event = (action: string): AuditEvent => ({ action, actor: SYSTEM });

class MovedClock extends Clock {
  later = 0;
  override now(): number {
    return super.now() + this.later;
  }
}

describe('a change of a document', () => {
  let documents: MemoryDocuments;
  let provider: Awaited<ReturnType<typeof ringProvider>>;
  let clock: MovedClock;
  let tenant: TenantId;
  let ref: DocumentRef;

  beforeEach(async () => {
    documents = new MemoryDocuments();
    provider = await ringProvider();
    clock = new MovedClock();
    await createTenantDocument(documents, { id: DEFAULT_TENANT });
    tenant = await createTenantDocument(documents);
    ref = { partition: tenant, path: 'thing/1' };
  });

  const on = (its: Documents = documents) => recordingOn(its, { clock, provider });
  const watched = (before: (request: WatchedRequest) => unknown) => new WatchedDocuments(documents, before);
  const actions = () => recordedActions(documents, tenant);
  const marks = () => documents.range(OPERATOR, { prefix: 'outbox/' });
  const value = async () => (await (await on()).recorded.read(ref))?.body;
  const sweepLater = async (its?: Documents) => {
    clock.later += 60_000;
    await (await on(its)).sweep.sweep();
  };
  const made = async () =>
    (await on()).recorded.write(ref, { body: { n: 0 } }, { event: event('thing.made'), topic: 'things' });
  const change = (): RecordedChange => ({
    event: event('thing.changed'),
    topic: 'things',
    claims: [{ ref: { partition: tenant, path: 'name/a' } }],
  });
  /** The process that is asked for the change dies before it does this. */
  const diesBefore = async (isFatal: (request: WatchedRequest) => boolean) => {
    let isDead = false;
    const dying = watched((request) => {
      isDead ||= isFatal(request);
      if (isDead) throw new Error('killed');
    });
    const rev = await made();
    const outcome = (await on(dying)).recorded.write(ref, { body: { n: 1 }, rev }, change());
    await expect(outcome).rejects.toThrow();
    expect(isDead).toBe(true);
  };
  const clears = ({ method, path, body }: WatchedRequest) =>
    method === 'write' && path === ref.path && body !== undefined && !('change' in body);

  it.each(['audit-head/', 'audit/', 'name/'])(
    'is not undone by who finds out about it while %s cannot be read',
    async (prefix) => {
      await diesBefore(clears);
      expect(await actions()).toEqual(['thing.made', 'thing.changed']);
      const away = watched(({ method, path }) => {
        if (method !== 'write' && path.startsWith(prefix)) throw new DatabaseUnavailableError('is away');
      });
      await sweepLater(away);
      expect([await value(), (await marks()).length]).toEqual([{ n: 0 }, 1]);
      await sweepLater();
      expect([await value(), await marks()]).toEqual([{ n: 1 }, []]);
      expect(await actions()).toEqual(['thing.made', 'thing.changed']);
    },
  );

  it('is not undone where it is recorded before what somebody has forged', async () => {
    await diesBefore(
      ({ method, path, body }) => method === 'write' && path.startsWith('audit-head/') && body?.['seq'] === 2,
    );
    await documents.write({ partition: tenant, path: eventsPath(3) }, { events: [{ seq: 3, body: '{}', hash: '00' }] });
    await sweepLater();
    expect([await value(), await marks()]).toEqual([{ n: 1 }, []]);
  });

  it('is undone where the trail takes no event any more', async () => {
    await diesBefore(({ method, path }) => method === 'write' && path === eventsPath(2));
    await documents.write({ partition: tenant, path: eventsPath(2) }, { events: [{ seq: 2, body: '{}', hash: '00' }] });
    await sweepLater();
    expect([await value(), await marks()]).toEqual([{ n: 0 }, []]);
    expect(await documents.range(tenant, { prefix: 'name/' })).toEqual([]);
  });

  it('is undone where the tenant is gone', async () => {
    await diesBefore(({ method, path }) => method === 'write' && path === eventsPath(2));
    for (const one of [headRef(tenant), tenantDocument(tenant)]) {
      await documents.remove(one, (await documents.read(one))!.rev);
    }
    await sweepLater();
    expect([await value(), await marks()]).toEqual([{ n: 0 }, []]);
  });
});
