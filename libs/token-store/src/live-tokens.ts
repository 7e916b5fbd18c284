import { Clock, type TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';
import type { LiveToken } from './token-key.js';
import { type Masked, TokenSecrets } from './token-secrets.js';

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
  readonly masked: Masked;
  /** From when on it is not given any more. */
  readonly until: number;
  /** The change since which the store may have another one: it is not given until that is known. */
  readonly doubtedIn?: number;
}

/** What is not given until it was compared. */
export interface Doubted {
  readonly ids: readonly string[];
  /** The change that they were doubted in, or before which. */
  readonly epoch: number;
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

  /** May have expired. Nothing that a change has put in doubt. */
  find(place: string): KeptToken | undefined {
    const entry = this.entries.get(place);
    if (!entry || entry.doubtedIn !== undefined) return undefined;
    this.entries.delete(place);
    if (entry.until <= this.clock.now()) {
      this.secrets.forget(entry.masked);
      return undefined;
    }
    this.entries.set(place, entry);
    return entry;
  }

  /** @param place `<tenant>/<id>` */
  keep(place: string, kept: KeptToken): void {
    const tenantId = place.slice(0, place.indexOf('/')) as TenantId;
    const masked = this.secrets.remember(tenantId, kept.live.tokens);
    this.drop(place);
    const now = this.clock.now();
    const reviewAt = Math.min(kept.reviewAt, now + FRESH_MS);
    this.entries.set(place, { ...kept, reviewAt, tenantId, masked, until: now + KEPT_MS });
    if (this.entries.size > MAX_KEPT) this.drop(this.entries.keys().next().value!);
  }

  drop(place: string): void {
    const entry = this.entries.get(place);
    if (!entry) return;
    this.entries.delete(place);
    this.secrets.forget(entry.masked);
  }

  /** Leaves it alone until then. */
  postpone(place: string, reviewAt: number): void {
    const entry = this.entries.get(place);
    if (entry) this.entries.set(place, { ...entry, reviewAt });
  }

  /** Something of the tenant has changed: until `compare` nothing that was kept of it is given. */
  doubt(tenant: TenantId): void {
    this.changes += 1;
    for (const [place, entry] of this.entries) {
      if (entry.tenantId === tenant) this.entries.set(place, { ...entry, doubtedIn: this.changes });
    }
  }

  doubted(tenant: TenantId): Doubted {
    const prefix = `${tenant}/`;
    const ids = [...this.entries]
      .filter(([, { tenantId, doubtedIn }]) => tenantId === tenant && doubtedIn !== undefined)
      .map(([place]) => place.slice(prefix.length));
    return { ids, epoch: this.changes };
  }

  /** Keeps of these only what the store still has. What a later change has put in doubt stays so. */
  compare(tenant: TenantId, { ids, epoch }: Doubted, marks: ReadonlyMap<string, string>): void {
    for (const id of ids) {
      const place = `${tenant}/${id}`;
      const entry = this.entries.get(place);
      if (entry?.doubtedIn === undefined || entry.doubtedIn > epoch) continue;
      const { doubtedIn: _, ...sure } = entry;
      if (entry.mark === marks.get(id)) this.entries.set(place, sure);
      else this.drop(place);
    }
  }

  clear(): void {
    for (const place of [...this.entries.keys()]) this.drop(place);
  }
}
