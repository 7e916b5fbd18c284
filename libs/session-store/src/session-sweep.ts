import { Log } from '#observability';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { RecordBudget } from './record-budget.js';
import { SessionRecordStore } from './session-record.store.js';

const EVERY_MS = 60_000;
/** Of each tenant in one transaction. A busy tenant leaves more in a minute, so it is repeated. */
const LIMIT = 1_000;

/** Removes what has expired, now and then. Nothing waits for it: an expired record is as good as gone. */
@Injectable()
export class SessionSweep implements OnModuleInit, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private isStopping = false;

  constructor(
    private readonly store: SessionRecordStore,
    private readonly budget: RecordBudget,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.sweep(), EVERY_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearInterval(this.timer);
    await this.sweeping;
  }

  /** Does nothing while it still does it. */
  sweep(): void {
    this.budget.sweep();
    this.sweeping ??= this.sweepAll()
      .catch((error: unknown) => this.log.warn('expired records of sessions could not be removed', { err: error }))
      .finally(() => (this.sweeping = undefined));
  }

  private async sweepAll(): Promise<void> {
    // Fewer than one tenant may lose at a time: nobody has any left.
    while ((await this.store.sweep(LIMIT)) >= LIMIT) if (this.isStopping) return;
  }
}
