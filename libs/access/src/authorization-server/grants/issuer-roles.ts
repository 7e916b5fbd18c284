import type { TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';
import { rolesFor } from '../../issuers/issuer-claims.js';
import { Issuers } from '../../issuers/issuers.js';
import type { SignInRecord } from './sign-in-record.js';

/** Which roles a sign-in gives, by the settings that the issuer has now. */
@Injectable()
export class IssuerRoles {
  constructor(private readonly issuers: Issuers) {}

  /** Undefined if the issuer is gone or disabled: then the sign-in counts no more. */
  async rolesOf(tenant: TenantId, signIn: SignInRecord): Promise<readonly string[] | undefined> {
    const issuer = (await this.issuers.list(tenant)).find(({ id }) => id === signIn.issuerId);
    return issuer && rolesFor(issuer.settings, signIn.roleValues);
  }
}
