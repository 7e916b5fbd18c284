import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Log } from '#observability';
import { Database } from '../database/database.js';
import type { Change } from '../database/transaction.js';
import { ChangeFeed, type ChangeListener, type Replica } from './change-feed.js';

/** Changes out of `change_versions`. */
@Injectable()
export class PostgresChangeFeed extends ChangeFeed implements OnModuleInit, OnApplicationShutdown {
  private readonly listeners = new Set<ChangeListener>();
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly database: Database,
    private readonly log: Log,
  ) {
    super();
  }

  onModuleInit(): void {
    this.stopListening = this.database.onAnnounced((change) => void this.tell(change));
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  override onChange(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  override staleness(): number {
    return 0;
  }

  override async settled(_timeoutMs: number): Promise<readonly Replica[]> {
    return [];
  }

  private async tell(change: Change): Promise<void> {
    for (const listener of this.listeners) {
      try {
        await listener(change);
      } catch (error) {
        this.log.error('a change could not be taken over', { ...change, err: error });
      }
    }
  }
}
