import { Log } from '#observability';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { AuthorizationRecordStore } from './authorization-record.store.js';

const EVERY_MS = 60_000;
/** Of each tenant in one transaction. Strangers can make records faster than this a minute, so it is repeated. */
const LIMIT = 500;

/** Removes what has expired, now and then. Nothing waits for it: an expired record is as good as gone. */
@Injectable()
export class RecordSweep implements OnModuleInit, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();
  private isSweeping = false;
  private isStopping = false;

  constructor(
    private readonly store: AuthorizationRecordStore,
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
    if (this.isSweeping) return;
    this.isSweeping = true;
    this.sweeping = this.sweepAll()
      .then(
        (gone) => this.log.debug('expired authorization records were removed', { gone }),
        (error: unknown) => this.log.warn('expired authorization records could not be removed', { err: error }),
      )
      .finally(() => (this.isSweeping = false));
  }

  private async sweepAll(): Promise<number> {
    let all = 0;
    for (;;) {
      const gone = await this.store.sweep(LIMIT);
      all += gone;
      // Fewer than one tenant may lose at a time: nobody has any left.
      if (gone < LIMIT || this.isStopping) return all;
    }
  }
}
