import type { PrincipalId, TenantId } from '#kernel';
import { SCOPES } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { AccessDirectory } from '../../directory/access-directory.js';
import { GrantLedger, type LiveGrant } from './grant-ledger.js';

/** Whether tokens may be issued: the grant or the client still stands, and so does the principal. */
@Injectable()
export class GrantStanding {
  constructor(
    private readonly ledger: GrantLedger,
    private readonly directory: AccessDirectory,
  ) {}

  async grant(tenant: TenantId, grantId: string): Promise<LiveGrant | undefined> {
    return this.ledger.grant(tenant, grantId);
  }

  async client(tenant: TenantId, clientId: string): Promise<LiveGrant | undefined> {
    return this.ledger.client(tenant, clientId);
  }

  /** @param issuedAt of what the principal presents; absent for somebody who has just signed in */
  async isLetIn(tenant: TenantId, id: PrincipalId, issuedAt?: Date): Promise<boolean> {
    const credential = { kind: 'token', id: 'oauth' } as const;
    const when = issuedAt === undefined ? {} : { issuedAt };
    return (await this.directory.principalFor(tenant, id, { scopes: SCOPES, credential, ...when })) !== undefined;
  }
}
