import { TenantStore } from '#access';
import { AuthAdapter, type WithdrawnCredential } from '#auth';
import type { TenantId } from '#kernel';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { Cut, Remaining, RevocationTarget, Stopped } from './revocation.js';

type Which = Parameters<AuthAdapter['withdraw']>[0];

/** Has what issuers have given for members revoked there (RFC 7009), as far as it goes with what is stopped. */
@Injectable()
export class CredentialWithdrawal {
  constructor(
    private readonly auth: AuthAdapter,
    private readonly tenants: TenantStore,
  ) {}

  /** What was revoked, and what stays valid at its issuer. It is out of use here in either case. */
  async of(target: RevocationTarget, actor: Actor): Promise<Cut> {
    const cut: { stopped: Stopped[]; remaining: Remaining[] } = { stopped: [], remaining: [] };
    for (const which of await this.whichOf(target)) {
      for (const one of await this.auth.withdraw(which, actor)) {
        if (one.outcome === 'revoked') cut.stopped.push(stopped(which.tenantId, one));
        else cut.remaining.push(remaining(which.tenantId, one));
      }
    }
    return cut;
  }

  private async whichOf(target: RevocationTarget): Promise<readonly Which[]> {
    switch (target.kind) {
      case 'tenant':
        return [{ tenantId: target.tenantId }];
      case 'server':
        return [{ tenantId: target.tenantId, serverId: target.id }];
      case 'principal':
        return [{ tenantId: target.tenantId, principalId: target.id }];
      case 'issuer': {
        const { issuer, tenantId } = target;
        const tenants = tenantId ? [tenantId] : (await this.tenants.list()).map(({ id }) => id);
        return tenants.map((each) => ({ tenantId: each, from: issuer }));
      }
    }
  }
}

function stopped(tenantId: TenantId, { serverId }: WithdrawnCredential): Stopped {
  return { kind: 'member_credential', tenantId, id: serverId, isOld: false };
}

function remaining(tenantId: TenantId, { serverId, issuer, reason }: WithdrawnCredential): Remaining {
  const why = reason === undefined ? '' : ` (${reason})`;
  const text = `what ${issuer} has given for it is used here no more, and could not be revoked there${why}: revoke it there`;
  return { kind: 'member_credential', tenantId, id: serverId, text };
}
