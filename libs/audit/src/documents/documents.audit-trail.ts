import { type KeyObject, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Clock, type TenantId } from '#kernel';
import {
  CommitUnknownError,
  DatabaseUnavailableError,
  DocumentConflictError,
  Documents,
  KeyWrapper,
  UnknownTenantError,
  refuseDropped,
  tenantExists,
} from '#persistence';
import { Injectable } from '@nestjs/common';
import type { AuditEvent } from '../audit-event.js';
import { CHAIN_KEY, NO_HASH } from '../audit-hash.js';
import { AuditTrail } from '../audit-trail.js';
import { AuditTrailBrokenError } from '../audit.errors.js';
import type { ChainHead, Place } from '../audit-store.js';
import { ChainKeys } from '../chain-keys.js';
import {
  EVENTS,
  chained,
  entriesOf,
  eventsBody,
  eventsPath,
  headBody,
  headOf,
  headRef,
  placeBehind,
  textOf,
} from './chain-documents.js';
import { Turns } from './turns.js';

/** How long an appending tries, waits for others of this process included. */
const WITHIN_MS = 5_000;
const PAUSE_MS = 25;
/** Documents of events that are read at once. */
const PAGE = 20;
/** Characters of events that one document takes; a single event may have more. */
const DOCUMENT_CHARACTERS = 4 * 1024 * 1024;
const MAX_TRAILS = 10_000;

/** A trail as this process knows it. Others may have gone on. */
interface Known {
  readonly key: KeyObject;
  readonly place: Place;
  readonly head: ChainHead;
  /** The state of the document of the head. */
  readonly rev: string;
}

/** Names an appending that may have been done before, by whoever began it. */
export interface Once {
  readonly id: string;
  /** Behind which number it can be. */
  readonly after: number;
}

/** The trail in a database of documents. */
@Injectable()
export class DocumentsAuditTrail extends AuditTrail {
  private readonly keys: ChainKeys;
  /** Least recently used first. */
  private readonly trails = new Map<TenantId, Known>();
  private readonly turns = new Turns<TenantId>();

  constructor(
    private readonly documents: Documents,
    private readonly wrapper: KeyWrapper,
    private readonly clock: Clock,
  ) {
    super();
    this.keys = new ChainKeys(wrapper);
  }

  /** @throws UnknownTenantError, DatabaseUnavailableError, CommitUnknownError */
  override async record(tenant: TenantId, ...events: readonly AuditEvent[]): Promise<void> {
    const now = this.clock.now();
    for (const texts of portions(events.map((event) => textOf(event, now)))) await this.chain(tenant, texts);
  }

  /**
   * Records events all together, and not again if they stand there already.
   *
   * @throws CommitUnknownError when they may stand there or not; any other error means that they do not
   */
  async append(tenant: TenantId, events: readonly AuditEvent[], once: Once): Promise<void> {
    const now = this.clock.now();
    const texts = events.map((event) => textOf(event, now));
    await this.chain(tenant, texts, once);
  }

  /** A number that the trail has come to by now, or has passed. */
  async reached(tenant: TenantId): Promise<number> {
    const known = this.trails.get(tenant);
    if (known) return known.place.seq;
    const head = await this.documents.read(headRef(tenant));
    return head ? headOf(head).seq : 0;
  }

  private async chain(tenant: TenantId, texts: readonly string[], once?: Once): Promise<void> {
    const end = performance.now() + WITHIN_MS;
    await this.turns.take(tenant, () => this.chainInTurn(tenant, { texts, end, once }));
  }

  private async chainInTurn(
    tenant: TenantId,
    { texts, end, once }: { texts: readonly string[]; end: number; once: Once | undefined },
  ): Promise<void> {
    const id = once?.id ?? randomUUID();
    let known = this.trails.get(tenant) ?? (await this.open(tenant));
    if (once && once.after < known.place.seq && (await this.holds(tenant, once))) return;
    let doubt: unknown;
    for (;;) {
      if (performance.now() >= end) throw doubt ? new CommitUnknownError(doubt) : tooLate();
      try {
        const entries = chained(texts, { tenantId: tenant, ...known });
        const ref = { partition: tenant, path: eventsPath(known.place.seq + 1) };
        const rev = await this.documents.write(ref, eventsBody(id, entries));
        known = { ...known, place: entries.at(-1)! };
        if (await this.advance(tenant, known)) return;
        await this.documents.remove(ref, rev);
        throw new UnknownTenantError();
      } catch (error) {
        if (error instanceof DatabaseUnavailableError) doubt = error;
        else if (!(error instanceof DocumentConflictError)) throw doubt ? new CommitUnknownError(doubt) : error;
      }
      await pause(PAUSE_MS * (0.5 + Math.random()));
      const found = await this.follow(tenant, known, id).catch((error: unknown) => {
        if (error instanceof DatabaseUnavailableError) return known;
        throw doubt ? new CommitUnknownError(doubt) : error;
      });
      if (found === true) return;
      known = found;
    }
  }

  /** What others have appended behind the known place. True if this appending is among it. */
  private async follow(tenant: TenantId, from: Known, id: string): Promise<Known | true> {
    let known = from;
    for (;;) {
      const after = eventsPath(known.place.seq);
      const page = await this.documents.range(tenant, { prefix: EVENTS, after, limit: PAGE });
      for (const document of page) {
        const place = placeBehind(entriesOf(document), { tenantId: tenant, ...known });
        if (!place) throw new AuditTrailBrokenError(known.place.seq + 1);
        known = { ...known, place };
        this.keep(tenant, known);
        if (document.body['id'] !== id) continue;
        await this.advance(tenant, known);
        return true;
      }
      if (page.length < PAGE) return known;
    }
  }

  /** Whether an appending stands in the trail behind a number. */
  private async holds(tenant: TenantId, { id, after }: Once): Promise<boolean> {
    let last = after === 0 ? '' : eventsPath(after);
    for (;;) {
      const page = await this.documents.range(tenant, { prefix: EVENTS, after: last, limit: PAGE });
      if (page.some(({ body }) => body['id'] === id)) return true;
      if (page.length < PAGE) return false;
      last = page.at(-1)!.path;
    }
  }

  /** What is known of the trail from its head; a trail that is not there begins. */
  private async open(tenant: TenantId): Promise<Known> {
    const document = (await this.documents.read(headRef(tenant))) ?? (await this.begin(tenant));
    const head = headOf(document);
    return this.keep(tenant, {
      head,
      place: head,
      key: await this.keys.open(tenant, head.key),
      rev: document.rev,
    });
  }

  private async begin(tenant: TenantId) {
    if (!(await tenantExists(this.documents, tenant))) throw new UnknownTenantError();
    const key = await this.wrapper.make(tenant, CHAIN_KEY);
    await refuseDropped(this.documents, key.keyId);
    const body = headBody({ key, seq: 0, hash: NO_HASH });
    try {
      return { body, rev: await this.documents.write(headRef(tenant), body) };
    } catch (error) {
      const other = error instanceof DocumentConflictError ? await this.documents.read(headRef(tenant)) : undefined;
      if (!other) throw error;
      return other;
    }
  }

  /**
   * Puts the head where the trail ends. If the database is away the head stays behind, until the next event.
   *
   * @returns false if there is no head any more, because the tenant was removed
   */
  private async advance(tenant: TenantId, known: Known): Promise<boolean> {
    let { head, rev } = known;
    this.keep(tenant, known);
    try {
      for (;;) {
        try {
          head = { ...head, ...known.place };
          rev = await this.documents.write(headRef(tenant), headBody(head), rev);
          this.keep(tenant, { ...known, head, rev });
          return true;
        } catch (error) {
          if (!(error instanceof DocumentConflictError)) throw error;
        }
        const stored = await this.documents.read(headRef(tenant));
        if (!stored) {
          this.trails.delete(tenant);
          return false;
        }
        ({ rev } = stored);
        head = headOf(stored);
        if (head.seq >= known.place.seq) {
          this.keep(tenant, { ...known, head, rev });
          return true;
        }
      }
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) return true;
      throw error;
    }
  }

  private keep(tenant: TenantId, known: Known): Known {
    this.trails.delete(tenant);
    this.trails.set(tenant, known);
    if (this.trails.size > MAX_TRAILS) this.trails.delete(this.trails.keys().next().value!);
    return known;
  }
}

function portions(texts: readonly string[]): readonly (readonly string[])[] {
  const all: string[][] = [];
  let characters = Infinity;
  for (const text of texts) {
    if (characters + text.length > DOCUMENT_CHARACTERS) {
      all.push([]);
      characters = 0;
    }
    all.at(-1)!.push(text);
    characters += text.length;
  }
  return all;
}

const tooLate = () => new DatabaseUnavailableError(`did not take an event within ${WITHIN_MS} ms`);
