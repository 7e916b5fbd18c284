import { Clock, type TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';

/** What one process keeps of one tenant at the same time. */
const MAX_RECORDS = 100_000;
const MAX_BYTES = 64 * 1024 * 1024;
const STEP_MS = 60_000;

interface Amount {
  records: number;
  bytes: number;
}

/** Bounds what a process has in the store of one tenant, without asking the store: by what it has put, until that expires. */
@Injectable()
export class RecordBudget {
  /** By the minute in which it expires. */
  private readonly tenants = new Map<TenantId, Map<number, Amount>>();

  constructor(private readonly clock: Clock) {}

  /** False: it is too much, and nothing was counted. */
  take(tenant: TenantId, { records, bytes }: Readonly<Amount>, seconds: number): boolean {
    const now = this.clock.now();
    const steps = this.tenants.get(tenant) ?? new Map<number, Amount>();
    const sum: Amount = { records, bytes };
    for (const [step, amount] of steps) {
      if (step * STEP_MS <= now) steps.delete(step);
      else {
        sum.records += amount.records;
        sum.bytes += amount.bytes;
      }
    }
    if (sum.records > MAX_RECORDS || sum.bytes > MAX_BYTES) return false;
    const step = Math.floor((now + seconds * 1000) / STEP_MS) + 1;
    const before = steps.get(step);
    steps.set(step, { records: (before?.records ?? 0) + records, bytes: (before?.bytes ?? 0) + bytes });
    this.tenants.set(tenant, steps);
    return true;
  }

  /** Forgets tenants of which nothing is left. */
  sweep(): void {
    const now = this.clock.now();
    for (const [tenant, steps] of this.tenants) {
      for (const step of steps.keys()) if (step * STEP_MS <= now) steps.delete(step);
      if (steps.size === 0) this.tenants.delete(tenant);
    }
  }
}
