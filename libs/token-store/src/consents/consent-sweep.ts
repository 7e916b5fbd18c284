import { Log } from '#observability';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PendingConsentStore } from './pending-consent.store.js';

const EVERY_MS = 60_000;
/** Of each tenant in one transaction: as many as one may have. */
const LIMIT = 1_000;

/** Removes consents that nobody has finished, now and then. Nothing waits for it: an expired one is as good as gone. */
@Injectable()
export class ConsentSweep implements OnModuleInit, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;

  constructor(
    private readonly store: PendingConsentStore,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.sweep(), EVERY_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.sweeping;
  }

  /** Does nothing while it still does it. */
  sweep(): void {
    this.sweeping ??= this.store
      .sweep(LIMIT)
      .then(
        (gone) => this.log.debug('consents that nobody has finished were removed', { gone }),
        (error: unknown) => this.log.warn('consents that nobody has finished could not be removed', { err: error }),
      )
      .finally(() => (this.sweeping = undefined));
  }
}
