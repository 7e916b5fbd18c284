import { Log } from '#observability';
import { ExpirySweep } from '#persistence';
import { Injectable } from '@nestjs/common';
import { RecordBudget } from './record-budget.js';
import { SessionRecordStore } from './session-record.store.js';

/** Removes the records of sessions that have expired. */
@Injectable()
export class SessionSweep extends ExpirySweep {
  constructor(
    private readonly store: SessionRecordStore,
    private readonly budget: RecordBudget,
    log: Log,
  ) {
    super({ what: 'expired records of sessions', limit: 1_000, log });
  }

  override sweep(): void {
    this.budget.sweep();
    super.sweep();
  }

  protected override remove(limit: number): Promise<number> {
    return this.store.sweep(limit);
  }
}
