import type { KeyObject } from 'node:crypto';
import type { TenantId } from '#kernel';
import {
  DatabaseUnavailableError,
  DocumentConflictError,
  type Documents,
  KeyDroppedError,
  type KeyWrapper,
  UnknownTenantError,
  refuseDropped,
  tenantExists,
} from '#persistence';
import { CHAIN_KEY, NO_HASH } from '../audit-hash.js';
import type { ChainHead, Place } from '../audit-store.js';
import { AuditTrailBrokenError } from '../audit.errors.js';
import { ChainKeys } from '../chain-keys.js';
import { entriesOf, eventsPath, headBody, headOf, headRef, idsIn, placeBehind } from './chain-documents.js';
import { eventsBehind } from './events-behind.js';

const MAX_TRAILS = 10_000;

/** The end of a trail as this process knows it. Others may have gone on. */
export interface TrailEnd {
  readonly key: KeyObject;
  readonly place: Place;
  readonly head: ChainHead;
  /** The state of the document of the head. */
  readonly rev: string;
}

/** Where the trails end: as their heads say, and as this process has seen since. */
export class TrailEnds {
  private readonly keys: ChainKeys;
  /** Least recently used first. */
  private readonly trails = new Map<TenantId, TrailEnd>();

  constructor(
    private readonly documents: Documents,
    private readonly wrapper: KeyWrapper,
  ) {
    this.keys = new ChainKeys(wrapper);
  }

  /** A number that the trail has come to by now, or has passed. */
  async reached(tenant: TenantId): Promise<number> {
    const known = this.trails.get(tenant);
    if (known) return known.place.seq;
    const head = await this.documents.read(headRef(tenant));
    return head ? headOf(head).seq : 0;
  }

  /** The end that is known; a trail that is not there begins. @throws UnknownTenantError */
  async of(tenant: TenantId): Promise<TrailEnd> {
    return this.trails.get(tenant) ?? (await this.open(tenant));
  }

  /**
   * Goes to where others have brought the trail.
   *
   * @returns the new end, and what was appended behind the one that was known
   * @throws AuditTrailBrokenError
   */
  async follow(tenant: TenantId, from: TrailEnd): Promise<{ readonly end: TrailEnd; readonly ids: readonly string[] }> {
    let end = from;
    const ids: string[] = [];
    for await (const document of eventsBehind(this.documents, tenant, end.place.seq)) {
      const place = placeBehind(entriesOf(document), { tenantId: tenant, ...end });
      if (!place) throw new AuditTrailBrokenError(end.place.seq + 1);
      end = this.keep(tenant, { ...end, place });
      ids.push(...idsIn(document));
    }
    return { end, ids };
  }

  /** What was appended behind a number that an appending had reached. */
  async idsBehind(tenant: TenantId, seq: number): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    for await (const document of eventsBehind(this.documents, tenant, seq)) {
      for (const id of idsIn(document)) ids.add(id);
    }
    return ids;
  }

  private async open(tenant: TenantId): Promise<TrailEnd> {
    const document = (await this.documents.read(headRef(tenant))) ?? (await this.begin(tenant));
    const head = headOf(document);
    if (head.seq === 0) await this.refuseHead(tenant, head, document.rev);
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
   * Takes back a head whose key a dropped one wraps. Whoever stores one asks before, and whoever finds one that nothing
   * was recorded under yet asks afterwards, its writer too: so nothing is recorded under a key that is lost.
   *
   * @throws KeyDroppedError
   */
  private async refuseHead(tenant: TenantId, { key }: ChainHead, rev: string): Promise<void> {
    try {
      await refuseDropped(this.documents, key.keyId);
    } catch (error) {
      if (!(error instanceof KeyDroppedError)) throw error;
      if (await this.documents.read({ partition: tenant, path: eventsPath(1) })) return; // the head is only behind
      await this.documents.remove(headRef(tenant), rev).catch((conflict: unknown) => {
        if (!(conflict instanceof DocumentConflictError)) throw conflict; // somebody else has changed it: the next one reads it
      });
      throw error;
    }
  }

  /**
   * Puts the head where the trail ends. If the database is away the head stays behind, until the next event.
   *
   * @returns false if there is no head any more, because the tenant was removed
   */
  async advance(tenant: TenantId, known: TrailEnd): Promise<boolean> {
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

  private keep(tenant: TenantId, known: TrailEnd): TrailEnd {
    this.trails.delete(tenant);
    this.trails.set(tenant, known);
    if (this.trails.size > MAX_TRAILS) this.trails.delete(this.trails.keys().next().value!);
    return known;
  }
}
