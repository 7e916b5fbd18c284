import { Clock, type TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';
import type { LiveToken } from './token-key.js';
import { TokenSecrets } from './token-secrets.js';

const MAX_KEPT = 10_000;
const KEPT_MS = 5 * 60_000;
/** Read anew in the background after this, so that what is kept is never old when the store goes away. */
const FRESH_MS = 60_000;

export interface KeptToken {
  readonly live: LiveToken;
  /** What the store had when it was read. */
  readonly mark: string;
  /** From when on it is looked after in the background: it ends soon, or was read long ago. */
  readonly reviewAt: number;
}

interface Entry extends KeptToken {
  readonly tenantId: TenantId;
  /** From when on it is not given any more. */
  readonly until: number;
}

/**
 * Opened credentials in the memory of this process: ten thousand at most, each for five minutes at most, and only as
 * long as the store does not say otherwise.
 */
@Injectable()
export class LiveTokens {
  /** Least recently used first. */
  private readonly entries = new Map<string, Entry>();
  private changes = 0;

  constructor(
    private readonly secrets: TokenSecrets,
    private readonly clock: Clock,
  ) {}

  /** Another one after each change of any credential: what was read before must not be kept after it. */
  get epoch(): number {
    return this.changes;
  }

  /** May have expired. */
  find(place: string): KeptToken | undefined {
    const entry = this.entries.get(place);
    if (!entry) return undefined;
    this.entries.delete(place);
    if (entry.until <= this.clock.now()) {
      this.secrets.forget(entry.live.tokens);
      return undefined;
    }
    this.entries.set(place, entry);
    return entry;
  }

  /** @param place `<tenant>/<id>` */
  keep(place: string, kept: KeptToken): void {
    this.secrets.remember(kept.live.tokens);
    this.drop(place);
    const now = this.clock.now();
    const tenantId = place.slice(0, place.indexOf('/')) as TenantId;
    const reviewAt = Math.min(kept.reviewAt, now + FRESH_MS);
    this.entries.set(place, { ...kept, reviewAt, tenantId, until: now + KEPT_MS });
    if (this.entries.size > MAX_KEPT) this.drop(this.entries.keys().next().value!);
  }

  drop(place: string): void {
    const entry = this.entries.get(place);
    if (!entry) return;
    this.entries.delete(place);
    this.secrets.forget(entry.live.tokens);
  }

  /** Leaves it alone until then. */
  postpone(place: string, reviewAt: number): void {
    const entry = this.entries.get(place);
    if (entry) this.entries.set(place, { ...entry, reviewAt });
  }

  /** Something of the tenant has changed. Gives the ids of what is kept of it. */
  changed(tenant: TenantId): readonly string[] {
    this.changes += 1;
    const prefix = `${tenant}/`;
    return [...this.entries]
      .filter(([, { tenantId }]) => tenantId === tenant)
      .map(([place]) => place.slice(prefix.length));
  }

  /** Keeps of these only what the store still has. */
  compare(tenant: TenantId, ids: readonly string[], marks: ReadonlyMap<string, string>): void {
    for (const id of ids) {
      const entry = this.entries.get(`${tenant}/${id}`);
      if (entry && entry.mark !== marks.get(id)) this.drop(`${tenant}/${id}`);
    }
  }

  clear(): void {
    for (const place of [...this.entries.keys()]) this.drop(place);
  }
}
