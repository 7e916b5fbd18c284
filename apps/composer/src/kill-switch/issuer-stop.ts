import { IssuerRegistry, IssuerStore, Issuers, PrincipalStore, type StoredPrincipal } from '#access';
import type { TenantId } from '#kernel';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { insist } from './insistence.js';
import { UntrustedIssuerError } from './kill-switch.errors.js';
import type { Cut, Remaining, Stopped } from './revocation.js';

const PAGE = 500;

/** Trusts an issuer no more, and makes void what was given here to those who came through it. */
@Injectable()
export class IssuerStop {
  constructor(
    private readonly store: IssuerStore,
    private readonly registry: IssuerRegistry,
    private readonly trusted: Issuers,
    private readonly principals: PrincipalStore,
  ) {}

  /** @throws UntrustedIssuerError */
  async stop(
    issuer: string,
    { tenantId, actor }: { readonly tenantId?: TenantId; readonly actor: Actor },
  ): Promise<Cut> {
    const isMeant = (one: { readonly tenantId: TenantId }): boolean =>
      tenantId === undefined || one.tenantId === tenantId;
    const entries = (await this.store.findEverywhere(issuer)).filter(isMeant);
    const stopped: Stopped[] = [];
    for (const { tenantId: tenant, id, disabledAt } of entries) {
      await insist(() => this.registry.disable({ tenant, id, actor }));
      stopped.push({ kind: 'issuer', tenantId: tenant, id, isOld: disabledAt !== undefined });
    }
    const fixed = await this.fixed(issuer, isMeant);
    if (stopped.length === 0 && fixed.length === 0) throw new UntrustedIssuerError();
    const tenants = new Set([...entries, ...fixed].flatMap(({ tenantId: tenant }) => (tenant ? [tenant] : [])));
    for (const tenant of tenants) stopped.push(...(await this.voidTokens(tenant, issuer, actor)));
    return { stopped, remaining: [...fixed, tokensLeft(issuer)] };
  }

  /** What is still trusted now comes from the environment, where no process can change it. */
  private async fixed(
    issuer: string,
    isMeant: (one: { readonly tenantId: TenantId }) => boolean,
  ): Promise<readonly Remaining[]> {
    const stored = new Set((await this.store.findEverywhere(issuer)).map(({ tenantId, id }) => `${tenantId}/${id}`));
    const left = (await this.trusted.findEverywhere(issuer)).filter(isMeant);
    return left
      .filter(({ tenantId, id }) => !stored.has(`${tenantId}/${id}`))
      .map(({ tenantId }) => ({
        kind: 'fixed_issuer',
        tenantId,
        id: issuer,
        text: 'this issuer is trusted by the OAUTH_* variables: take them away and restart every process',
      }));
  }

  private async voidTokens(tenantId: TenantId, issuer: string, actor: Actor): Promise<readonly Stopped[]> {
    const stopped: Stopped[] = [];
    for (let after = ''; ;) {
      const page = await this.principals.list(tenantId, { after, limit: PAGE });
      for (const { id, identity } of page) {
        if (identity?.issuer !== issuer) continue;
        await insist(() => this.voidTokensOf({ tenantId, id }, actor));
        stopped.push({ kind: 'tokens', tenantId, id, isOld: false });
      }
      const last = page.at(-1);
      if (!last || page.length < PAGE) return stopped;
      after = last.id;
    }
  }

  private async voidTokensOf({ tenantId, id }: Pick<StoredPrincipal, 'tenantId' | 'id'>, actor: Actor): Promise<void> {
    const principal = await this.principals.find(tenantId, id);
    if (!principal) return;
    const validAfter = new Date();
    await this.principals.replace(
      { ...principal, validAfter, version: principal.version + 1 },
      {
        action: 'principal.tokens_voided',
        actor,
        target: `principal:${id}`,
        after: { valid_after: validAfter.toISOString() },
        detail: { kill_switch: true },
      },
    );
  }
}

const tokensLeft = (issuer: string): Remaining => ({
  kind: 'issuer_tokens',
  id: issuer,
  text: 'its tokens are refused here and stay valid elsewhere until they expire: revoke them there',
});
