import type { MemberRef, PrincipalId, ServerId } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';

export interface OpenElicitation {
  readonly principal: Principal;
  readonly serverId: ServerId;
  /** The client is told over the stream of this session. */
  readonly sessionId: string;
  readonly elicitationId: string;
}

const MAX = 5_000;

/** What legacy clients were asked for, so that they can be told when it is done. A courtesy: nothing depends on it. */
@Injectable()
export class OpenElicitations {
  /** Oldest first. */
  private readonly open = new Map<string, OpenElicitation>();

  note(elicitation: OpenElicitation): void {
    this.open.set(elicitation.elicitationId, elicitation);
    if (this.open.size > MAX) this.open.delete(this.open.keys().next().value!);
  }

  /** Those that wait for this credential, which are open no more. @param whose absent: of everybody */
  take({ tenantId, serverId }: MemberRef, whose?: PrincipalId): readonly OpenElicitation[] {
    const found = [...this.open.values()].filter(
      ({ principal, serverId: server }) =>
        principal.tenantId === tenantId && server === serverId && (whose === undefined || principal.id === whose),
    );
    for (const { elicitationId } of found) this.open.delete(elicitationId);
    return found;
  }
}
