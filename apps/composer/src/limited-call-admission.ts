import { CallSlots, RequestLimits } from '#access';
import { CallAdmission, type Ticket, type Turn } from '#gateway';
import type { ComposerError } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';

/** The limits of access, for calls over MCP. */
@Injectable()
export class LimitedCallAdmission extends CallAdmission {
  constructor(
    private readonly requests: RequestLimits,
    private readonly slots: CallSlots,
  ) {
    super();
  }

  override refusalOf(principal: Principal): ComposerError | undefined {
    return this.requests.refusalOf(principal);
  }

  override enter(principal: Principal): Ticket | Turn {
    return this.slots.enter(principal);
  }
}
