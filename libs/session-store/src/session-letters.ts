import { randomBytes } from 'node:crypto';
import { Clock, type TenantId } from '#kernel';
import { Log } from '#observability';
import { ChangeFeed, type DatabaseConfig, databaseConfig } from '#persistence';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { SESSION_LETTERS } from './session-record.store.js';
import { SessionRecords } from './session-records.js';

/** Bounds its own waits. What it throws is logged. */
export type LetterListener = (tenant: TenantId, text: string) => void;

/** Letters are no session's own. */
const NOBODY = '-';
const SECONDS = 30;
/** How far behind the look before a look goes back: as far as clocks may differ, and as long as writing may take. */
const LOOK_BACK_MS = 15_000;

/**
 * What one replica has to tell the others about sessions of a tenant: that one has ended, that a call is to be cancelled
 * which runs elsewhere. Every other replica reads it within two seconds, once; a letter that nobody has read within half
 * a minute is gone. Where one process alone has the store, nothing is written.
 */
@Injectable()
export class SessionLetters implements OnModuleInit, OnApplicationShutdown {
  /** Names this process among the others. */
  readonly self = randomBytes(9).toString('base64url');
  /** Whether there may be others. */
  readonly hasOthers: boolean;
  private readonly listeners = new Set<LetterListener>();
  /** When a tenant's letters were looked at last. */
  private readonly lookedAt = new Map<TenantId, number>();
  /** Letters that were read, and since when they may be forgotten. */
  private readonly read = new Map<string, number>();
  private stopListening: () => void = () => undefined;
  private written = 0;

  constructor(
    private readonly records: SessionRecords,
    private readonly feed: ChangeFeed,
    private readonly clock: Clock,
    private readonly log: Log,
    @Inject(databaseConfig.KEY) config: Pick<DatabaseConfig, 'type'>,
  ) {
    this.hasOthers = config.type !== 'embedded';
  }

  onModuleInit(): void {
    this.stopListening = this.feed.onChange(({ tenantId, topic }) =>
      topic === SESSION_LETTERS ? this.look(tenantId) : undefined,
    );
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  /** Calls `listener` for every letter of another replica. Returns how to stop it. */
  onLetter(listener: LetterListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Never rejects: what cannot be written is logged, and is not told. */
  async send(tenant: TenantId, text: string): Promise<void> {
    if (!this.hasOthers) return;
    const name = `${stamp(this.clock.now())}-${this.self}-${++this.written}`;
    try {
      const isKept = await this.records.keep(tenant, [{ session: NOBODY, name, text, seconds: SECONDS }], true);
      if (!isKept) this.log.warn('other replicas are not told of a session: their tenant has too much going on');
    } catch (error) {
      this.log.warn('other replicas could not be told of a session', { err: error });
    }
  }

  /** Rejects when the store is away; then it is told again. */
  private async look(tenant: TenantId): Promise<void> {
    const now = this.clock.now();
    for (const [key, until] of this.read) {
      if (until > now) break;
      this.read.delete(key);
    }
    const since = Math.max(this.lookedAt.get(tenant) ?? 0, now - SECONDS * 1000);
    const isKnown = (name: string) => name.includes(`-${this.self}-`) || this.read.has(`${tenant} ${name}`);
    for (let after = stamp(since - LOOK_BACK_MS); ;) {
      const letters = await this.records.read(tenant, NOBODY, { prefix: '', after, isKnown });
      for (const { name, text } of letters) {
        if (isKnown(name)) continue;
        this.read.set(`${tenant} ${name}`, now + 2 * (SECONDS * 1000 + LOOK_BACK_MS));
        this.tell(tenant, text);
      }
      if (letters.length === 0) break;
      after = letters.at(-1)!.name;
    }
    this.lookedAt.set(tenant, now);
  }

  private tell(tenant: TenantId, text: string): void {
    for (const listener of this.listeners) {
      try {
        listener(tenant, text);
      } catch (error) {
        this.log.warn('what another replica has told of a session could not be followed', { err: error });
      }
    }
  }
}

const stamp = (ms: number): string => String(Math.max(0, ms)).padStart(15, '0');
