import { Log } from '#observability';
import { ExpirySweep } from '#persistence';
import { Injectable } from '@nestjs/common';
import { PendingConsentStore } from './pending-consent.store.js';

/** Removes consents that nobody has finished. */
@Injectable()
export class ConsentSweep extends ExpirySweep {
  constructor(
    private readonly store: PendingConsentStore,
    log: Log,
  ) {
    // As many as a tenant may have.
    super({ what: 'consents that nobody has finished', limit: 1_000, log });
  }

  protected override remove(limit: number): Promise<number> {
    return this.store.sweep(limit);
  }
}
