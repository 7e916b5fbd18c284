import { type ListenConfig, listenConfig } from '#config';
import { EgressDeniedError, EgressGuard } from '#egress';
import type { TenantId } from '#kernel';
import { holdsAny } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { ForbiddenGrantError } from '../access.errors.js';
import { isOwnIssuer } from '../edge/mcp-resource.js';
import { PrincipalStore } from '../principals/principal.store.js';
import { type Addresses, addressesOf } from './issuer-addresses.js';
import { InvalidIssuerError } from './issuers.errors.js';

/** Whether an issuer that is well described may be trusted in a tenant, at the wish of somebody. */
@Injectable()
export class IssuerJudge {
  constructor(
    private readonly guard: EgressGuard,
    private readonly principals: PrincipalStore,
    @Inject(listenConfig.KEY) private readonly listen: ListenConfig,
  ) {}

  /**
   * @param by whose wish it is
   * @throws InvalidIssuerError, EgressDeniedError, ForbiddenGrantError
   */
  async judge(given: Addresses, by: { readonly tenant: TenantId; readonly roles?: readonly string[] }): Promise<void> {
    if (isOwnIssuer(this.listen.publicUrl, given.issuer)) {
      const message = 'is this composer itself, whose tokens are trusted without being listed';
      throw new InvalidIssuerError([{ path: 'issuer', message }]);
    }
    await this.refuseAddresses(given);
    await this.refuseOperators(given, by);
  }

  /** All addresses, so that one error tells of every one that is refused. */
  private async refuseAddresses(given: Addresses): Promise<void> {
    const judged = addressesOf(given).map(async ([path, address]) => {
      if (address === undefined) return [];
      try {
        await this.guard.check(address);
        return [];
      } catch (error) {
        if (error instanceof EgressDeniedError) return [path];
        throw error;
      }
    });
    const refused = (await Promise.all(judged)).flat();
    if (refused.length > 0) throw new EgressDeniedError(refused);
  }

  /**
   * Whoever says where an issuer's keys are, or who answers for it, can speak for everybody whom it names. For operators
   * nobody speaks but operators.
   */
  private async refuseOperators(
    { issuer }: Addresses,
    { tenant, roles = [] }: { readonly tenant: TenantId; readonly roles?: readonly string[] },
  ): Promise<void> {
    if (holdsAny({ roles }, ['operator']) || !(await this.principals.hasOperatorOf(tenant, issuer))) return;
    throw new ForbiddenGrantError('an operator comes in through this issuer, so only operators say how it is trusted');
  }
}
