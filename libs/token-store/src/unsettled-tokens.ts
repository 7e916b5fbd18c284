import { Clock, type TenantId } from '#kernel';
import { Log } from '#observability';
import { DatabaseUnavailableError, SealTooLongError } from '#persistence';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { connected } from './credential-events.js';
import { type KeepOutcome, keeping, puttingLate } from './credential-rules.js';
import { StoredTokens } from './stored-tokens.js';
import { type JournalEntry, TokenJournal } from './token-journal.js';
import { type LiveToken, type TokenKey, credentialPlace } from './token-key.js';
import { TokenStore } from './token-store.js';

/** How long a caller waits for the store before it gets what is on disk, or in memory, alone. */
const PATIENCE_MS = 1_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const MAX_ENTRIES = 1_000;

/** What an issuer has given, on its way into the store. */
export interface Unsettled {
  readonly key: TokenKey;
  readonly id: string;
  readonly stamp: string;
  readonly lifetimeMs?: number | undefined;
  readonly receivedAt: number;
  /** Absent if a process before this one has left it in the journal. */
  readonly live?: LiveToken;
  readonly generation?: number | undefined;
  /** Who has given it; absent where an issuer has, for a claim. */
  readonly by?: Actor | undefined;
  sealed?: string;
  isOnDisk?: boolean;
}

/**
 * Brings what issuers have given into the store. While that is away it is used from memory, waits on disk, and is
 * brought in when the store is back, or by the next start. Nothing of it is ever asked for again because it could not be
 * stored.
 */
@Injectable()
export class UnsettledTokens {
  private readonly entries = new Map<string, Unsettled>();
  private readonly settling = new Map<string, Promise<KeepOutcome>>();
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private unwanted: (entry: Unsettled) => void = () => undefined;
  private isOver = false;

  constructor(
    private readonly store: TokenStore,
    private readonly stored: StoredTokens,
    private readonly journal: TokenJournal,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Has whatever turns out not to be wanted any more handed over: its credential was removed meanwhile. */
  onUnwanted(listener: (entry: Unsettled) => void): void {
    this.unwanted = listener;
  }

  /** What this process has of a credential beyond what is stored. */
  find(place: string): Unsettled | undefined {
    return this.entries.get(place);
  }

  /** Stores it. Rejects with `SealTooLongError`. `waits`: it will be, and is safe meanwhile as far as it can be. */
  async keep(entry: Unsettled): Promise<Exclude<KeepOutcome, 'busy'> | 'waits'> {
    const place = credentialPlace(entry.key);
    this.add(place, entry);
    const outcome = await within(PATIENCE_MS, this.settle(place)).catch((error: unknown) => {
      if (error instanceof SealTooLongError) {
        this.entries.delete(place); // no later attempt could do better
        throw error;
      }
      this.log.warn('a new credential could not be stored yet; it is used, and stored later', {
        tenant: entry.key.tenantId,
        server: entry.key.serverId,
        err: error,
      });
      return undefined;
    });
    if (outcome !== undefined && outcome !== 'busy') return outcome;
    if (this.entries.get(place) !== entry) return 'stored';
    await this.writeDown(entry);
    if (this.entries.get(place) !== entry) await this.takeOffDisk(entry); // it was stored meanwhile
    this.plan();
    return 'waits';
  }

  /** Keeps what a person has given while the store is away. Rejects with `SealTooLongError`. */
  async hold(entry: Unsettled & { readonly live: LiveToken; readonly by: Actor }): Promise<void> {
    const place = credentialPlace(entry.key);
    await this.sealedOf(entry).catch((error: unknown) => {
      if (error instanceof SealTooLongError) throw error; // no later attempt could do better
    });
    await this.drop(place); // what was there before is replaced
    this.add(place, entry);
    await this.writeDown(entry);
    this.plan();
  }

  /** Tries to store what waits. Rejects if the store does not take it now; does nothing if nothing waits. */
  async settle(place: string): Promise<KeepOutcome> {
    const entry = this.entries.get(place);
    if (!entry) return 'stored';
    let settling = this.settling.get(place);
    if (!settling) {
      settling = this.bringIn(place, entry).finally(() => this.settling.delete(place));
      this.settling.set(place, settling);
    }
    return settling;
  }

  /** It is not to be stored any more. */
  async drop(place: string): Promise<Unsettled | undefined> {
    const entry = this.entries.get(place);
    this.entries.delete(place);
    if (entry) await this.takeOffDisk(entry);
    return entry;
  }

  /** Brings in what a process before this one has left behind. Never rejects. */
  async replay(): Promise<void> {
    try {
      for (const entry of await this.journal.read()) await this.replayOne(entry);
    } catch (error) {
      this.log.error('credentials that wait for the database cannot be read', { err: error });
    }
    if (this.entries.size > 0) this.plan();
  }

  /** Tries once more, and leaves the rest to the next start. */
  async stop(): Promise<void> {
    this.isOver = true;
    clearTimeout(this.timer);
    await this.settleAll();
  }

  private async replayOne(entry: JournalEntry): Promise<void> {
    const place = credentialPlace(entry.key);
    if (this.entries.has(place)) return;
    this.add(place, { ...entry, isOnDisk: true });
    await this.settle(place).catch((error: unknown) =>
      this.log.warn('a credential of the journal could not be stored yet', { err: error }),
    );
  }

  private add(place: string, entry: Unsettled): void {
    this.entries.set(place, entry);
    if (this.entries.size <= MAX_ENTRIES) return;
    const tenant = this.busiest();
    const [oldest] = [...this.entries].find(([, { key }]) => key.tenantId === tenant)!;
    this.entries.delete(oldest);
    this.log.error('too many credentials wait for the database; the oldest one is left to the journal', { tenant });
  }

  /** The tenant that most of them are of: no other one loses anything by that. */
  private busiest(): TenantId {
    const counts = new Map<TenantId, number>();
    for (const { key } of this.entries.values()) counts.set(key.tenantId, (counts.get(key.tenantId) ?? 0) + 1);
    const [[tenant]] = [...counts].sort(([, a], [, b]) => b - a) as [[TenantId, number]];
    return tenant;
  }

  private async bringIn(place: string, entry: Unsettled): Promise<KeepOutcome> {
    const { key } = entry;
    const outcome = await (entry.by ? this.putLate(entry, entry.by) : this.keepNow(entry));
    if (outcome === 'busy') return outcome;
    if (this.entries.get(place) === entry) this.entries.delete(place);
    await this.takeOffDisk(entry);
    if (outcome !== 'stored') {
      this.log.warn('a new credential was not stored: there is a newer one, or none is wanted any more', {
        tenant: key.tenantId,
        server: key.serverId,
      });
    }
    if (outcome === 'gone' || outcome === 'replaced') {
      this.stored.forget(place); // it may have been used while the store was away
      this.unwanted(entry);
    }
    return outcome;
  }

  private async keepNow(entry: Unsettled): Promise<KeepOutcome> {
    const { key, id, stamp, lifetimeMs } = entry;
    const sealed = await this.sealedOf(entry);
    const generation = generationOf(entry);
    return this.store.change(key, (look) => {
      const known = generation === undefined ? {} : { generation };
      const life = lifetimeMs === undefined ? {} : { lifetimeMs };
      return keeping(look, { id, stamp, sealed, ageMs: this.ageOf(entry), ...known, ...life });
    });
  }

  /** Of which generation it becomes is known when the store is there again. */
  private async putLate(entry: Unsettled, by: Actor): Promise<KeepOutcome> {
    const { key, id, stamp, lifetimeMs } = entry;
    const tokens = entry.live?.tokens ?? (await this.stored.open({ key, generation: 0, sealed: entry.sealed! }));
    const { sight } = await this.stored.look(key);
    const generation = (sight?.record.generation ?? 0) + 1;
    const sealed = await this.stored.seal(key, generation, tokens!);
    const event = connected({ key, generation }, by);
    const given = { key, id, stamp, sealed, generation, event, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) };
    return this.store.change(key, (look) => puttingLate(look, { ...given, ageMs: this.ageOf(entry) }));
  }

  private ageOf({ receivedAt }: Unsettled): number {
    return Math.max(0, this.clock.now() - receivedAt);
  }

  private async sealedOf(entry: Unsettled): Promise<string> {
    const { key, live } = entry;
    if (live) entry.sealed ??= await this.stored.seal(key, generationOf(entry)!, live.tokens);
    return entry.sealed!;
  }

  private async writeDown(entry: Unsettled): Promise<void> {
    const { key, id, stamp, by, lifetimeMs, receivedAt } = entry;
    const generation = generationOf(entry);
    try {
      const sealed = entry.by ? await this.sealedOf(entry) : entry.sealed;
      if (sealed === undefined) throw new Error('it could not be sealed yet');
      await this.journal.write({ key, id, stamp, sealed, generation, by, lifetimeMs, receivedAt });
      entry.isOnDisk = true;
    } catch (error) {
      this.log.error('a new credential is in memory alone until the database is back', {
        tenant: entry.key.tenantId,
        server: entry.key.serverId,
        err: error,
      });
    }
  }

  private async takeOffDisk(entry: Unsettled): Promise<void> {
    if (!entry.isOnDisk) return;
    await this.journal
      .remove(entry)
      .catch((error: unknown) => this.log.warn('an entry of the journal could not be removed', { err: error }));
  }

  private plan(): void {
    if (this.isOver) return;
    clearTimeout(this.timer);
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.timer = setTimeout(() => void this.turn(), longest * (0.5 + Math.random() / 2)).unref();
  }

  private async turn(): Promise<void> {
    this.failures = (await this.settleAll()) ? 0 : this.failures + 1;
    if (this.entries.size > 0) this.plan();
  }

  /** False if the store does not take one. It is not asked any further while it is away. */
  private async settleAll(): Promise<boolean> {
    let isDone = true;
    for (const place of [...this.entries.keys()]) {
      try {
        await this.settle(place);
      } catch (error) {
        this.log.debug('a credential still waits for the database', { err: error });
        if (error instanceof DatabaseUnavailableError) return false;
        isDone = false;
      }
    }
    return isDone;
  }
}

/** Of what is sealed of it. */
const generationOf = ({ by, live, generation }: Unsettled): number | undefined =>
  by ? 0 : (live?.generation ?? generation);

/** Undefined when it takes longer; what goes on then is somebody else's. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  work.catch(() => undefined);
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
