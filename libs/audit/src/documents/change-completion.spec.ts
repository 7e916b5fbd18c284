import { beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantId } from '#kernel';
import {
  DatabaseUnavailableError,
  type DocumentRef,
  type Documents,
  OPERATOR,
  type StoredDocument,
  tenantDocument,
} from '#persistence';
import { MemoryDocuments, createTenantDocument, ringProvider } from '#persistence/testing';
import { DEFAULT_TENANT, SYSTEM } from '#tenancy';
import { recordedActions, recordingOn } from '../../testing/documents-on.js';
import { MovedClock } from '../../testing/moved-clock.js';
import { WatchedDocuments, type WatchedRequest } from '../../testing/watched-documents.js';
import type { AuditEvent } from '../audit-event.js';
import { eventsPath, headRef } from './chain-documents.js';
import { type RecordedChange, type Written, bodyOf } from './pending-change.js';

const event = (action: string): AuditEvent => ({ action, actor: SYSTEM });

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
  const sweepLater = async ({ ms = 60_000, its }: { readonly ms?: number; readonly its?: Documents } = {}) => {
    clock.later += ms;
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
      await sweepLater({ its: away });
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

  describe('whose writer is slow at the end', () => {
    /** Lets the writer go on to make its change visible after something has happened. */
    const makeAfter = async (happens: (before: StoredDocument) => Promise<unknown>, remove = false) => {
      const rev = await made();
      let isOver = false;
      const slow = watched(async (request) => {
        if (isOver || !(clears(request) || (request.method === 'remove' && request.path === ref.path))) return;
        isOver = true;
        await happens((await documents.read(ref))!);
      });
      const { recorded } = await on(slow);
      return remove ? recorded.remove(ref, rev, change()) : recorded.write(ref, { body: { n: 1 }, rev }, change());
    };
    const unknown = { code: 'COMPOSER_DATABASE_COMMIT_UNKNOWN' };
    const write = (body: Written) => async (before: StoredDocument) => documents.write(ref, bodyOf(body), before.rev);
    const finish = () => sweepLater();

    it('is acknowledged where somebody else has finished it', async () => {
      const rev = await makeAfter(finish);
      expect(await (await on()).recorded.read(ref)).toEqual({ path: ref.path, rev, body: { n: 1 } });
    });

    it('is not acknowledged where it was undone', async () => {
      await expect(makeAfter(write({ value: { n: 0 } }))).rejects.toMatchObject(unknown);
      expect(await value()).toEqual({ n: 0 });
    });

    it('is not acknowledged where a new document is gone', async () => {
      const gone = async (before: StoredDocument) => documents.remove(ref, before.rev);
      await expect(makeAfter(gone)).rejects.toMatchObject(unknown);
    });

    it('is left to who is undoing it', async () => {
      const undo = async (before: StoredDocument) => {
        const { value: old, change: its } = before.body as Written;
        await write({ value: old!, change: { ...its!, isUndone: true } })(before);
      };
      await expect(makeAfter(undo)).rejects.toMatchObject(unknown);
      expect(await value()).toEqual({ n: 0 });
      await sweepLater();
      expect([await value(), await documents.range(tenant, { prefix: 'name/' })]).toEqual([{ n: 0 }, []]);
    });

    it('gives no state to write upon where the next change is under way already', async () => {
      const next = async () => {
        await finish();
        const { rev, body } = (await documents.read(ref))!;
        const its = {
          id: 'next',
          at: clock.now(),
          after: 2,
          next: { n: 2 },
          events: [],
          claims: [],
          releases: [],
          drops: [],
        };
        await documents.write(ref, bodyOf({ ...(body as Written), change: its }), rev);
      };
      const rev = (await makeAfter(next)) as string;
      const written = (await on()).recorded.write(ref, { body: { n: 3 }, rev }, { event: event('thing.next') });
      await expect(written).rejects.toMatchObject({ code: 'COMPOSER_DOCUMENT_CONFLICT' });
      await sweepLater();
    });

    it('is a removal where the document is gone, and is none where another one is there', async () => {
      await makeAfter(finish, true);
      expect(await documents.read(ref)).toBeUndefined();
      const undone = makeAfter(write({ value: { n: 0 } }), true);
      await expect(undone).rejects.toMatchObject(unknown);
    });
  });

  describe('whose writer is slow on the way', () => {
    const slowAt = async (isSlow: (request: WatchedRequest) => boolean, ms = 60_000) => {
      const rev = await made();
      let isOver = false;
      const slow = watched(async (request) => {
        if (isOver || !isSlow(request)) return;
        isOver = true;
        await sweepLater({ ms });
      });
      const written = (await on(slow)).recorded.write(ref, { body: { n: 1 }, rev }, change());
      await expect(written).rejects.toMatchObject({ code: 'COMPOSER_DATABASE_UNAVAILABLE' });
    };
    const isNothing = async () => {
      await sweepLater();
      expect([await value(), await actions(), await marks()]).toEqual([{ n: 0 }, ['thing.made'], []]);
      expect(await documents.range(tenant, { prefix: 'name/' })).toEqual([]);
    };

    it('is not begun when its mark may have been taken for one of the dead', async () => {
      await slowAt(({ method, path }) => method === 'write' && path.startsWith('outbox/'));
      expect([await marks(), 'change' in (await documents.read(ref))!.body]).toEqual([[], false]);
      await isNothing();
    });

    it('is undone when it was begun so late that nobody may look for it any more', async () => {
      await slowAt(({ method, path, body }) => method === 'write' && path === ref.path && 'change' in body!);
      expect('change' in (await documents.read(ref))!.body).toBe(false);
      await isNothing();
    });

    it('is not recorded when somebody else may have undone it', async () => {
      await slowAt(({ method, path }) => method === 'read' && path === 'name/a', 20_000);
      await isNothing();
    });
  });
});
