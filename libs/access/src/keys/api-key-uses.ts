import { Clock, type TenantId } from '#kernel';
import { Log } from '#observability';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ApiKeyStore } from './api-key.store.js';

const MINUTE = 60_000;
const FLUSH_MS = 10_000;
const MAX_WAITING = 10_000;

/** Notes when keys were last used, to the minute: gathered here, written every ten seconds, never on the way of a call. */
@Injectable()
export class ApiKeyUses implements OnModuleInit, OnApplicationShutdown {
  private waiting = new Map<TenantId, Map<string, Date>>();
  private count = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly keys: ApiKeyStore,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.flush(), FLUSH_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  note(tenant: TenantId, id: string): void {
    const uses = this.waiting.get(tenant) ?? new Map<string, Date>();
    if (!uses.has(id)) {
      if (this.count >= MAX_WAITING) return; // the database is away; when a key was used is not worth the memory
      this.count += 1;
    }
    this.waiting.set(tenant, uses.set(id, new Date(Math.floor(this.clock.now() / MINUTE) * MINUTE)));
  }

  /** Writes what has gathered. Never fails: what cannot be written is lost, and told. */
  flush(): Promise<void> {
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  private async write(): Promise<void> {
    const gathered = this.waiting;
    this.waiting = new Map();
    this.count = 0;
    for (const [tenant, uses] of gathered) {
      try {
        await this.keys.touch(tenant, uses);
      } catch (error) {
        this.log.warn('the last uses of API keys could not be noted', { tenant, keys: uses.size, err: error });
      }
    }
  }
}
