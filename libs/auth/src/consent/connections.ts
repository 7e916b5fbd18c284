import { createHash } from 'node:crypto';
import { type Principal, holdsAny } from '#tenancy';
import { ScopeWishes } from '#token-store';
import { Inject, Injectable } from '@nestjs/common';
import { AuthAdapter } from '../auth-adapter.js';
import type { CredentialUse } from '../credential-use.js';
import { type ConnectableMember, ConnectableMembers, type ConnectableWish } from './connectable-members.js';
import { CONSENT_FLOWS, type ConsentFlow } from './consent-flow.js';
import {
  ConsentBrokenError,
  ConsentForbiddenError,
  NoConsentNeededError,
  NothingToConnectError,
} from './consent.errors.js';

/** What a principal may connect, and how. */
export interface Connection {
  readonly member: ConnectableMember;
  readonly flow: ConsentFlow;
  readonly use: CredentialUse;
  readonly isShared: boolean;
  /** Names the settings and the address: what was begun with others is not finished with these. */
  readonly digest: string;
}

/** From an address and a principal to what is connected there. */
@Injectable()
export class Connections {
  constructor(
    private readonly auth: AuthAdapter,
    private readonly members: ConnectableMembers,
    @Inject(CONSENT_FLOWS) private readonly flows: readonly ConsentFlow[],
    private readonly wishes: ScopeWishes,
  ) {}

  /** @throws NothingToConnectError, ConsentForbiddenError, NoConsentNeededError, ConsentBrokenError */
  async get(principal: Principal, wish: ConnectableWish): Promise<Connection> {
    const member = await this.members.find(principal, wish);
    if (!member) throw new NothingToConnectError();
    const { block } = member;
    const isShared = !this.auth.isPerPrincipal(block);
    const flow = this.flows.find((one) => one.isNeededBy(block));
    if (!flow) throw new NoConsentNeededError();
    if (isShared && !mayConnectForAll(principal)) throw new ConsentForbiddenError();
    const scope =
      wish.more === undefined ? undefined : this.scopeOf(member, wish.more, isShared ? undefined : principal);
    const use = { ...member.use, principalId: principal.id, ...(scope === undefined ? {} : { scope }) };
    const settings = [block.strategy, block.settings, use.endpoint.href, use.tool ?? null];
    const digest = createHash('sha256').update(JSON.stringify(settings)).digest('base64url');
    return { member, flow, use, isShared, digest };
  }

  /** What the member wants beyond its settings, of this very person where everybody has a credential of their own. */
  private scopeOf({ use }: ConnectableMember, more: string, owner: Principal | undefined): string {
    const scope = this.wishes.open(more, { ...use.member, tool: use.tool, principalId: owner?.id });
    if (scope === undefined) {
      throw new ConsentBrokenError(
        'this link was not made for you, or is out of date: call the tool again for another',
      );
    }
    return scope;
  }
}

/**
 * Who connects and disconnects what everybody shares: the same as whoever changes a server. In the operator's own tenant an
 * operator may what an administrator may.
 */
export const mayConnectForAll = (principal: Principal): boolean =>
  holdsAny(principal, ['admin', 'operator']) && principal.scopes.includes('manage');
