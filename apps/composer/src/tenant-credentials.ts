import { TenantAdministration } from '#access';
import { AuthAdapter } from '#auth';
import { Injectable, type OnModuleInit } from '@nestjs/common';

/** Has what issuers have given for the members of a tenant revoked there, before the tenant is removed. */
@Injectable()
export class TenantCredentials implements OnModuleInit {
  constructor(
    private readonly tenants: TenantAdministration,
    private readonly auth: AuthAdapter,
  ) {}

  onModuleInit(): void {
    this.tenants.beforeRemoval(async (tenantId, actor) => {
      const left = (await this.auth.withdraw({ tenantId }, actor)).filter(({ outcome }) => outcome !== 'revoked');
      return left.map(
        ({ serverId, issuer, reason = 'no reason given' }) =>
          `what ${issuer} has given for server ${serverId} could not be revoked there (${reason}): revoke it there`,
      );
    });
  }
}
