import { beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantId } from '#kernel';
import { type DocumentRef, Documents, OPERATOR } from '#persistence';
import { MemoryDocuments, createTenantDocument, ringProvider, until } from '#persistence/testing';
import { DEFAULT_TENANT, SYSTEM } from '#tenancy';
import { type OpenRecording, recordingOn } from '../../testing/documents-on.js';
import { MovedClock } from '../../testing/moved-clock.js';
import type { AuditEvent } from '../audit-event.js';
import { EVENTS, entriesOf } from './chain-documents.js';
import type { DocumentsAuditTrail } from './documents.audit-trail.js';
import type { RecordedChange } from './pending-change.js';

const event = (action: string): AuditEvent => ({ action, actor: SYSTEM });

/** What a process sees of its documents that is killed before, or right after, it does something for the `count`th time. */
class DyingDocuments extends Documents {
  private done = 0;
  constructor(
    private readonly inner: Documents,
    private readonly count: number,
    private readonly when: 'before' | 'after',
  ) {
    super();
  }
  get isDead(): boolean {
    return this.done >= this.count;
  }
  override read(ref: DocumentRef) {
    return this.attempt(() => this.inner.read(ref), false);
  }
  override range(...args: Parameters<Documents['range']>) {
    return this.attempt(() => this.inner.range(...args), false);
  }
  override write(...args: Parameters<Documents['write']>) {
    return this.attempt(() => this.inner.write(...args), true);
  }
  override remove(...args: Parameters<Documents['remove']>) {
    return this.attempt(() => this.inner.remove(...args), true);
  }
  private async attempt<T>(work: () => Promise<T>, isChange: boolean): Promise<T> {
    if (this.isDead) throw new Error('killed');
    if (isChange) this.done += 1;
    if (this.isDead && this.when === 'before') throw new Error('killed');
    const result = await work();
    if (this.isDead) throw new Error('killed');
    return result;
  }
}

/** Documents at the other end of a line: whoever comes second may be answered first. */
class SlowDocuments extends Documents {
  constructor(private readonly inner: Documents) {
    super();
  }
  override async read(ref: DocumentRef) {
    await this.wait();
    return this.inner.read(ref);
  }
  override async range(...args: Parameters<Documents['range']>) {
    await this.wait();
    return this.inner.range(...args);
  }
  override async write(...args: Parameters<Documents['write']>) {
    await this.wait();
    return this.inner.write(...args);
  }
  override async remove(...args: Parameters<Documents['remove']>) {
    await this.wait();
    return this.inner.remove(...args);
  }
  private async wait(): Promise<void> {
    for (let turns = Math.floor(Math.random() * 6); turns > 0; turns--) await new Promise(setImmediate);
  }
}

describe('RecordedDocuments', () => {
  let documents: MemoryDocuments;
  let provider: Awaited<ReturnType<typeof ringProvider>>;
  let clock: MovedClock;
  let tenant: TenantId;
  let ref: DocumentRef;
  let process: OpenRecording;

  beforeEach(async () => {
    documents = new MemoryDocuments();
    provider = await ringProvider();
    clock = new MovedClock();
    await createTenantDocument(documents, { id: DEFAULT_TENANT });
    tenant = await createTenantDocument(documents);
    ref = { partition: tenant, path: 'thing/1' };
    process = await recordingOn(documents, { clock, provider });
  });

  const another = (on: Documents = documents) => recordingOn(on, { clock, provider });
  const actions = async (of = tenant) => {
    const trail = await documents.range(of, { prefix: EVENTS });
    return trail.flatMap(entriesOf).map(({ body }) => (JSON.parse(body) as AuditEvent).action);
  };
  const marks = () => documents.range(OPERATOR, { prefix: 'outbox/' });
  const sweepLater = async () => {
    clock.later += 60_000;
    await (await another()).sweep.sweep();
  };

  it('gives back what was written, records and announces it', async () => {
    const told: unknown[] = [];
    process.changes.onAnnounced(({ tenantId, topic }) => told.push([tenantId, topic]));
    const first = await process.recorded.write(
      ref,
      { body: { n: 1 } },
      {
        event: event('thing.made'),
        topic: 'things',
      },
    );
    expect(await process.recorded.read(ref)).toEqual({ path: ref.path, rev: first, body: { n: 1 } });
    const second = await process.recorded.write(ref, { body: { n: 2 }, rev: first }, { event: event('thing.changed') });
    expect(await process.recorded.range(tenant, { prefix: 'thing/' })).toEqual([
      { path: ref.path, rev: second, body: { n: 2 } },
    ]);
    await process.recorded.remove(ref, second, {
      event: [event('thing.emptied'), event('thing.removed')],
      topic: 'things',
    });
    expect(await process.recorded.read(ref)).toBeUndefined();
    expect(await documents.read(ref)).toBeUndefined();
    expect(await actions()).toEqual(['thing.made', 'thing.changed', 'thing.emptied', 'thing.removed']);
    expect(told).toEqual([[tenant, 'things'], [tenant, 'things']]); // prettier-ignore
    expect(await marks()).toEqual([]);
  });

  it('records what is the operator’s in the trail of the default tenant, and announces whom it is about', async () => {
    const told: unknown[] = [];
    process.changes.onAnnounced((change) => told.push(change.tenantId));
    const change = { event: event('tenant.made'), topic: 'access', of: tenant };
    await process.recorded.write({ partition: OPERATOR, path: 'thing/1' }, { body: {} }, change);
    expect(await actions(DEFAULT_TENANT)).toEqual(['tenant.made']);
    expect([await actions(), told]).toEqual([[], [tenant]]);
  });

  it('lets one of many change a state, and records that one alone', async () => {
    const rev = await process.recorded.write(ref, { body: { n: 0 } }, { event: undefined });
    const other = await another();
    const writers = Array.from({ length: 6 }, (_, n) =>
      (n % 2 ? process : other).recorded.write(ref, { body: { n }, rev }, { event: event(`thing.${n}`) }),
    );
    const outcomes = await Promise.allSettled(writers);
    const won = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
    expect(won).toHaveLength(1);
    expect(await actions()).toEqual([`thing.${won[0]}`]);
    expect((await process.recorded.read(ref))?.body).toEqual({ n: won[0] });
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'COMPOSER_DOCUMENT_CONFLICT' });
    }
  });

  it('changes nothing that cannot be recorded, and gives back what it had claimed', async () => {
    const trail = Object.create(process.trail, {
      append: { value: () => Promise.reject(new Error('no audit')) },
    }) as DocumentsAuditTrail;
    const { recorded } = await recordingOn(documents, { clock, provider, trail });
    const claims = [{ ref: { partition: tenant, path: 'name/a' } }];
    await expect(recorded.write(ref, { body: {} }, { event: event('x.y'), claims })).rejects.toThrow('no audit');
    expect(await documents.read(ref)).toBeUndefined();
    expect(await documents.read(claims[0]!.ref)).toBeUndefined();
    const rev = await process.recorded.write(ref, { body: { n: 1 } }, { event: undefined });
    await expect(recorded.write(ref, { body: { n: 2 }, rev }, { event: event('x.y') })).rejects.toThrow('no audit');
    await expect(recorded.remove(ref, (await recorded.read(ref))!.rev, { event: event('x.y') })).rejects.toThrow(
      'no audit',
    );
    expect((await recorded.read(ref))?.body).toEqual({ n: 1 });
    expect([await actions(), await marks()]).toEqual([[], []]);
  });

  it('gives a claim to one document only, until that one gives it up', async () => {
    const claim = { ref: { partition: tenant, path: 'name/a' } };
    const other = { partition: tenant, path: 'thing/2' };
    const made = { event: event('thing.made'), claims: [claim] };
    const rev = await process.recorded.write(ref, { body: { name: 'a' } }, made);
    const taken = process.recorded.write(other, { body: { name: 'a' } }, made);
    await expect(taken).rejects.toMatchObject({ code: 'COMPOSER_CLAIM_TAKEN' });
    expect(await documents.read(other)).toBeUndefined();
    expect((await process.recorded.readClaimed(claim.ref))?.path).toBe(ref.path);
    const next = await process.recorded.write(ref, { body: { name: 'a', n: 2 }, rev }, made);
    await process.recorded.write(ref, { body: { name: 'b' }, rev: next }, { event: undefined, releases: [claim.ref] });
    await process.recorded.write(other, { body: { name: 'a' } }, made);
    expect((await process.recorded.readClaimed(claim.ref))?.path).toBe(other.path);
  });

  it('keeps a claim that the document had before a change that is undone', async () => {
    const claims = [{ ref: { partition: tenant, path: 'name/a' } }];
    const rev = await process.recorded.write(ref, { body: {} }, { event: undefined, claims });
    await process.recorded.write(
      { partition: tenant, path: 'thing/2' },
      { body: {} },
      {
        event: undefined,
        claims: [{ ref: { partition: tenant, path: 'name/b' } }],
      },
    );
    const both = [...claims, { ref: { partition: tenant, path: 'name/b' } }];
    const refused = process.recorded.write(ref, { body: {}, rev }, { event: undefined, claims: both });
    await expect(refused).rejects.toMatchObject({ code: 'COMPOSER_CLAIM_TAKEN' });
    expect((await process.recorded.readClaimed(claims[0]!.ref))?.path).toBe(ref.path);
  });

  const changes: readonly [string, boolean, (process: OpenRecording, rev: string | undefined) => Promise<unknown>][] = [
    ['a new document', false, (p) => p.recorded.write(ref, { body: { n: 1 } }, change('name/a'))],
    [
      'a change',
      true,
      (p, rev) => p.recorded.write(ref, { body: { n: 1 }, rev }, { ...change('name/a'), releases: [old()] }),
    ],
    ['a removal', true, (p, rev) => p.recorded.remove(ref, rev!, { ...change(), releases: [old()] })],
  ];
  const old = () => ({ partition: tenant, path: 'name/old' });
  const change = (claim?: string): RecordedChange => ({
    event: event('thing.changed'),
    topic: 'things',
    claims: claim === undefined ? [] : [{ ref: { partition: tenant, path: claim } }],
  });

  it.each(changes)(
    'makes %s and records it once, or neither, wherever the process dies',
    async (name, existed, make) => {
      let outcomes = 0;
      for (let count = 1; ; count++) {
        for (const when of ['before', 'after'] as const) {
          documents = new MemoryDocuments();
          await createTenantDocument(documents, { id: tenant });
          const before = await another();
          const claims = [{ ref: old() }];
          const rev = existed
            ? await before.recorded.write(ref, { body: { n: 0 } }, { event: undefined, claims })
            : undefined;
          const dying = new DyingDocuments(documents, count, when);
          const outcome = await make(await another(dying), rev).then(
            () => 'done',
            () => 'died',
          );
          if (!dying.isDead) {
            expect(outcome).toBe('done');
            expect(outcomes).toBeGreaterThan(10);
            return;
          }
          outcomes += 1;
          const told: string[] = [];
          const after = await another();
          after.changes.onAnnounced(({ topic }) => told.push(topic));
          const seen = (await after.recorded.read(ref))?.body['n'];
          expect([existed ? 0 : undefined, name === 'a removal' ? undefined : 1]).toContain(seen);
          if (seen === 1 || (existed && seen === undefined)) expect(await actions()).toEqual(['thing.changed']);
          clock.later += 60_000;
          await after.sweep.sweep();
          const recorded = await actions();
          const isMade = (await after.recorded.read(ref))?.body['n'] === (name === 'a removal' ? undefined : 1);
          const isRecorded = recorded.length > 0;
          expect({ count, when, recorded, isMade }).toEqual({
            count,
            when,
            recorded: isMade && (existed || isRecorded) ? ['thing.changed'] : [],
            isMade: isRecorded,
          });
          expect(await marks()).toEqual([]);
          const stored = await documents.read(ref);
          expect(stored?.body['change']).toBeUndefined();
          const claimed = (await documents.range(tenant, { prefix: 'name/' })).map(({ path }) => path);
          const wanted = isMade ? (name === 'a removal' ? [] : ['name/a']) : existed ? ['name/old'] : [];
          expect(claimed).toEqual(wanted);
        }
      }
    },
  );

  it('records once what several processes finish at the same time', async () => {
    const slow = () => new SlowDocuments(documents);
    const impatient = new MovedClock();
    impatient.later = 60_000;
    const { sweep } = await recordingOn(slow(), { clock: impatient, provider });
    const writers = [await another(slow()), await another(slow())];
    let isOver = false;
    const sweeping = (async () => {
      while (!isOver) await sweep.sweep();
    })();
    const wanted = Array.from({ length: 40 }, (_, n) => `thing.${n}`);
    const outcomes = await Promise.allSettled(
      wanted.map((action, n) =>
        writers[n % 2]!.recorded.write(
          { partition: tenant, path: `thing/${n}` },
          { body: { n } },
          {
            event: event(action),
            claims: [{ ref: { partition: tenant, path: `name/${n % 30}` } }],
          },
        ),
      ),
    );
    isOver = true;
    await sweeping;
    await sweep.sweep();
    const made = (await process.recorded.range(tenant, { prefix: 'thing/' })).map(
      ({ body }) => `thing.${body['n'] as number}`,
    );
    expect((await actions()).sort()).toEqual(made.sort());
    const sure = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [`thing.${n}`] : []));
    expect(made).toEqual(expect.arrayContaining(sure));
    expect(made).toHaveLength(30);
    expect(await documents.range(tenant, { prefix: 'name/' })).toHaveLength(30);
    expect(await marks()).toEqual([]);
  });

  it('undoes nothing that somebody else is about to finish', async () => {
    let fail: (error: Error) => void = () => undefined;
    const failing = new Promise<void>((_, reject) => (fail = reject));
    const stuck = Object.create(process.trail, { append: { value: () => failing } }) as DocumentsAuditTrail;
    const writer = await recordingOn(documents, { clock, provider, trail: stuck });
    const written = writer.recorded.write(ref, { body: { n: 1 } }, change('name/a')).catch((error: unknown) => error);
    await until(
      async () => (await marks()).length > 0 && (await documents.read(ref)) !== undefined,
      'the pending change',
    );
    const held = Object.create(process.trail, {
      append: {
        value: async (...args: Parameters<DocumentsAuditTrail['append']>) => {
          fail(new Error('no audit'));
          await written;
          return process.trail.append(...args);
        },
      },
    }) as DocumentsAuditTrail;
    clock.later += 60_000;
    await (await recordingOn(documents, { clock, provider, trail: held })).sweep.sweep();
    expect(await written).toMatchObject({ code: 'COMPOSER_DATABASE_COMMIT_UNKNOWN' });
    expect((await process.recorded.read(ref))?.body).toEqual({ n: 1 });
    expect((await process.recorded.readClaimed({ partition: tenant, path: 'name/a' }))?.path).toBe(ref.path);
    expect([await actions(), await marks()]).toEqual([['thing.changed'], []]);
  });

  it('lets a change that was left in the middle stand in nobody’s way', async () => {
    const rev = await process.recorded.write(ref, { body: { n: 0 } }, { event: undefined });
    const dying = new DyingDocuments(documents, 3, 'before');
    await (await another(dying)).recorded.write(ref, { body: { n: 1 }, rev }, change()).catch(() => undefined);
    const read = await process.recorded.read(ref);
    expect(read?.body).toEqual({ n: 0 });
    const write = (from: string) =>
      process.recorded.write(ref, { body: { n: 2 }, rev: from }, { event: event('thing.next') });
    await expect(write(read!.rev)).rejects.toMatchObject({ code: 'COMPOSER_DOCUMENT_CONFLICT' });
    clock.later += 60_000;
    await expect(write(read!.rev)).rejects.toMatchObject({ code: 'COMPOSER_DOCUMENT_CONFLICT' });
    const finished = await process.recorded.read(ref);
    expect(finished?.body).toEqual({ n: 1 });
    await write(finished!.rev);
    expect(await actions()).toEqual(['thing.changed', 'thing.next']);
  });

  it('fills a page with what can be seen', async () => {
    for (const n of [1, 2, 3, 4]) {
      await process.recorded.write({ partition: tenant, path: `thing/${n}` }, { body: { n } }, { event: undefined });
    }
    const dying = new DyingDocuments(documents, 3, 'before');
    const left = { partition: tenant, path: 'thing/0' };
    await (await another(dying)).recorded.write(left, { body: { n: 0 } }, change()).catch(() => undefined);
    const page = await process.recorded.range(tenant, { prefix: 'thing/', limit: 3 });
    expect(page.map(({ body }) => body['n'])).toEqual([1, 2, 3]);
    await sweepLater();
    expect(await process.recorded.range(tenant, { prefix: 'thing/' })).toHaveLength(5);
  });
});
