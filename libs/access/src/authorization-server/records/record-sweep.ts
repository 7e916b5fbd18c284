import { Log } from '#observability';
import { ExpirySweep } from '#persistence';
import { Injectable } from '@nestjs/common';
import { AuthorizationRecordStore } from './authorization-record.store.js';

/** Removes authorization records that have expired. Strangers can make many of them in a minute. */
@Injectable()
export class RecordSweep extends ExpirySweep {
  constructor(
    private readonly store: AuthorizationRecordStore,
    log: Log,
  ) {
    super({ what: 'expired authorization records', limit: 500, log });
  }

  protected override remove(limit: number): Promise<number> {
    return this.store.sweep(limit);
  }
}
