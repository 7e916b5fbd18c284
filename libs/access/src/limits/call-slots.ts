import type { Principal } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { FairSlots, type Slot, type Turn } from './fair-slots.js';
import { type LimitsConfig, limitsConfig } from './limits.config.js';
import { TenantLimitsSource } from './tenant-limits-source.js';

const UNLIMITED: Slot = { leave: () => undefined };

/** How many tool calls may be under way at the same time in this process, in all and of one tenant. */
@Injectable()
export class CallSlots {
  private readonly slots: FairSlots;

  constructor(
    @Inject(limitsConfig.KEY) private readonly config: LimitsConfig,
    private readonly source: TenantLimitsSource,
  ) {
    const { concurrent, waitingPerTenant, maxWaitMs } = config.calls;
    this.slots = new FairSlots({ total: concurrent, waitingPerTenant, maxWaitMs });
  }

  /** @throws RateLimitedError if even the queue is full */
  enter({ tenantId, credential }: Principal): Slot | Turn {
    if (credential.kind === 'none') return UNLIMITED;
    const bound = this.source.limitsOf(tenantId)?.concurrentCalls ?? this.config.calls.concurrentPerTenant;
    return this.slots.enter(tenantId, bound);
  }
}
