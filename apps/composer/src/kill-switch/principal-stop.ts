import { ApiKeyStore, PrincipalStore, type StoredPrincipal, UnknownPrincipalError } from '#access';
import type { PrincipalId, TenantId } from '#kernel';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { insist } from './insistence.js';
import type { Cut, Remaining, Stopped } from './revocation.js';

/** Disables a principal, makes its tokens void and revokes its keys. */
@Injectable()
export class PrincipalStop {
  constructor(
    private readonly principals: PrincipalStore,
    private readonly keys: ApiKeyStore,
  ) {}

  /** @throws UnknownPrincipalError */
  async stop(tenantId: TenantId, id: PrincipalId, actor: Actor): Promise<Cut> {
    const { principal, isOld } = await insist(() => this.disable(tenantId, id, actor));
    const keys = await this.revokeKeys(tenantId, id, actor);
    return { stopped: [{ kind: 'principal', tenantId, id, isOld }, ...keys], remaining: tokensLeft(principal) };
  }

  private async disable(
    tenantId: TenantId,
    id: PrincipalId,
    actor: Actor,
  ): Promise<{ readonly principal: StoredPrincipal; readonly isOld: boolean }> {
    const principal = await this.principals.find(tenantId, id);
    if (!principal) throw new UnknownPrincipalError();
    if (principal.disabledAt) return { principal, isOld: true };
    const now = new Date();
    await this.principals.replace(
      { ...principal, disabledAt: now, validAfter: now, version: principal.version + 1 },
      {
        action: 'principal.disabled',
        actor,
        target: `principal:${id}`,
        after: { disabled_at: now.toISOString(), valid_after: now.toISOString() },
        detail: { kill_switch: true },
      },
    );
    return { principal, isOld: false };
  }

  private async revokeKeys(tenantId: TenantId, owner: PrincipalId, actor: Actor): Promise<readonly Stopped[]> {
    const own = (await this.keys.list(tenantId)).filter(({ principalId }) => principalId === owner);
    for (const { id } of own.filter(({ revokedAt }) => !revokedAt)) {
      const event = { action: 'api_key.revoked', actor, target: `api_key:${id}`, detail: { kill_switch: true } };
      await this.keys.revoke(tenantId, id, event);
    }
    return own.map(({ id, revokedAt }) => ({ kind: 'api_key', tenantId, id, isOld: revokedAt !== undefined }));
  }
}

function tokensLeft({ tenantId, identity }: StoredPrincipal): readonly Remaining[] {
  if (!identity) return [];
  const text =
    'tokens that this issuer has given the principal are refused here and stay valid elsewhere: end its sessions there';
  return [{ kind: 'issuer_tokens', tenantId, id: identity.issuer, text }];
}
