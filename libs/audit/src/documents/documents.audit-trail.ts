import { setTimeout as pause } from 'node:timers/promises';
import { Clock, type TenantId } from '#kernel';
import {
  DatabaseUnavailableError,
  DocumentConflictError,
  Documents,
  KeyWrapper,
  UnknownTenantError,
} from '#persistence';
import { Injectable } from '@nestjs/common';
import type { AuditEvent } from '../audit-event.js';
import { AuditTrail } from '../audit-trail.js';
import { type Once, Appending } from './appending.js';
import { chained, eventsBody, eventsPath, textOf } from './chain-documents.js';
import { type TrailEnd, TrailEnds } from './trail-ends.js';
import { Turns } from './turns.js';

/** How long an appending tries, waits for others of this process included. */
const WITHIN_MS = 5_000;
const PAUSE_MS = 25;
/** Characters of events that one document takes; a single event may have more. */
const DOCUMENT_CHARACTERS = 1024 * 1024;

/** The trail in a database of documents. */
@Injectable()
export class DocumentsAuditTrail extends AuditTrail {
  private readonly ends: TrailEnds;
  private readonly turns = new Turns<TenantId>();
  private readonly waiting = new Map<TenantId, Appending[]>();

  constructor(
    private readonly documents: Documents,
    wrapper: KeyWrapper,
    private readonly clock: Clock,
  ) {
    super();
    this.ends = new TrailEnds(documents, wrapper);
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
  reached(tenant: TenantId): Promise<number> {
    return this.ends.reached(tenant);
  }

  /** What is recorded while another appending of the tenant is under way goes into the next document together. */
  private async chain(tenant: TenantId, texts: readonly string[], once?: Once): Promise<void> {
    const appending = new Appending(texts, performance.now() + WITHIN_MS, once);
    const waiting = this.waiting.get(tenant) ?? [];
    this.waiting.set(tenant, waiting);
    waiting.push(appending);
    await this.turns.take(tenant, () => this.chainWaiting(tenant));
    await appending.over;
  }

  private async chainWaiting(tenant: TenantId): Promise<void> {
    const group = portionOf(this.waiting.get(tenant) ?? []);
    if (this.waiting.get(tenant)?.length === 0) this.waiting.delete(tenant);
    if (group.length === 0) return; // all went with an earlier one
    try {
      await this.chainGroup(tenant, group);
    } catch (error) {
      for (const appending of group) appending.fail(error);
    }
  }

  private async chainGroup(tenant: TenantId, all: readonly Appending[]): Promise<void> {
    let end = await this.ends.of(tenant);
    const after = Math.min(...all.map((appending) => appending.after));
    if (after < end.place.seq || all.some(({ isToBeSought }) => isToBeSought)) {
      settle(all, await this.ends.idsBehind(tenant, after));
      for (const appending of all) appending.isToBeSought = false;
    }
    for (;;) {
      const group = all.filter((appending) => appending.isOpen(performance.now()));
      if (group.length === 0) return;
      try {
        end = await this.write(tenant, end, group);
        settle(group, new Set(group.map(({ id }) => id)));
        return;
      } catch (error) {
        const isAway = error instanceof DatabaseUnavailableError;
        if (!isAway && !(error instanceof DocumentConflictError)) throw error;
        if (isAway) for (const appending of group) appending.doubt = error;
      }
      await pause(PAUSE_MS * (0.5 + Math.random()));
      end = await this.follow(tenant, end, group);
    }
  }

  private async write(tenant: TenantId, end: TrailEnd, group: readonly Appending[]): Promise<TrailEnd> {
    const entries = chained(
      group.flatMap(({ texts }) => texts),
      { tenantId: tenant, ...end },
    );
    const ref = { partition: tenant, path: eventsPath(end.place.seq + 1) };
    const ids = group.map(({ id }) => id);
    const rev = await this.documents.write(ref, eventsBody(ids, entries));
    const next = { ...end, place: entries.at(-1)! };
    if (await this.ends.advance(tenant, next)) return next;
    await this.documents.remove(ref, rev);
    throw new UnknownTenantError();
  }

  private async follow(tenant: TenantId, from: TrailEnd, group: readonly Appending[]): Promise<TrailEnd> {
    try {
      const { end, ids } = await this.ends.follow(tenant, from);
      const own = settle(group, new Set(ids));
      if (own > 0) await this.ends.advance(tenant, end);
      return end;
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) return from;
      throw error;
    }
  }
}

/** Tells those whose appending stands in the trail. Gives how many there are. */
function settle(group: readonly Appending[], ids: ReadonlySet<string>): number {
  const done = group.filter(({ id }) => ids.has(id));
  for (const appending of done) appending.succeed();
  return done.length;
}

/** Takes from the front what one document takes, one at least. */
function portionOf(waiting: Appending[]): readonly Appending[] {
  let [count, characters] = [0, 0];
  for (const { length } of waiting) {
    characters += length;
    if (count > 0 && characters > DOCUMENT_CHARACTERS) break;
    count += 1;
  }
  return waiting.splice(0, count);
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
