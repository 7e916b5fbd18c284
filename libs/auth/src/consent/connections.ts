import { createHash } from 'node:crypto';
import { type Principal, holdsAny } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { AuthAdapter } from '../auth-adapter.js';
import type { CredentialUse } from '../credential-use.js';
import { type ConnectableMember, ConnectableMembers, type ConnectableWish } from './connectable-members.js';
import { CONSENT_FLOWS, type ConsentFlow } from './consent-flow.js';
import { ConsentForbiddenError, NoConsentNeededError, NothingToConnectError } from './consent.errors.js';

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
  ) {}

  /** @throws NothingToConnectError, ConsentForbiddenError, NoConsentNeededError */
  async get(principal: Principal, wish: ConnectableWish): Promise<Connection> {
    const member = await this.members.find(principal, wish);
    if (!member) throw new NothingToConnectError();
    const { block } = member;
    const isShared = !this.auth.isPerPrincipal(block);
    const flow = this.flows.find((one) => one.isNeededBy(block));
    if (!flow) throw new NoConsentNeededError();
    if (isShared && !mayConnectForAll(principal)) throw new ConsentForbiddenError();
    const use = { ...member.use, principalId: principal.id };
    const settings = [block.strategy, block.settings, use.endpoint.href, use.tool ?? null];
    const digest = createHash('sha256').update(JSON.stringify(settings)).digest('base64url');
    return { member, flow, use, isShared, digest };
  }
}

/**
 * Who connects and disconnects what everybody shares: the same as whoever changes a server. In the operator's own tenant an
 * operator may what an administrator may.
 */
export const mayConnectForAll = (principal: Principal): boolean =>
  holdsAny(principal, ['admin', 'operator']) && principal.scopes.includes('manage');
