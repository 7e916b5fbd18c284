import { AuthAdapter, type WithdrawnCredential } from '#auth';
import type { MemberRef, TenantId } from '#kernel';
import { Log } from '#observability';
import { SYSTEM } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { usesOf } from './former-credentials.js';
import { ServerRegistry } from './server-registry.js';

/**
 * Longer than replicas of two versions, or of two states of the settings, serve beside each other, and than it takes to
 * see that a new version is to be taken back: what they use of the same store is not taken from them.
 */
const RESTING_MS = 24 * 3_600_000;

/**
 * Takes out of use, and has revoked, what is stored for settings or servers that are not there any more. A change does
 * the same at once; what is left is what a replica that had not followed it yet, or a call that was under way, has had
 * afterwards, or what could not be taken then.
 */
@Injectable()
export class CredentialSweep {
  constructor(
    private readonly registry: ServerRegistry,
    private readonly auth: AuthAdapter,
    private readonly log: Log,
  ) {}

  /** Of one tenant. Any number of processes may do it at once. Rejects when the database is away. */
  async sweep(tenantId: TenantId): Promise<readonly WithdrawnCredential[]> {
    const withdrawn: WithdrawnCredential[] = [];
    for (const serverId of await this.auth.restingServers(tenantId, RESTING_MS)) {
      withdrawn.push(...(await this.sweepServer({ tenantId, serverId })));
    }
    return withdrawn;
  }

  private async sweepServer(ref: MemberRef): Promise<readonly WithdrawnCredential[]> {
    let withdrawn: readonly WithdrawnCredential[] = [];
    await this.registry.withStored(ref, async (server) => {
      // What cannot be opened at the moment may have the same settings as before.
      if (server && !server.config) return;
      const present = server ? usesOf(ref, server.config) : [];
      withdrawn = await this.auth.withdrawFormer(ref, present, { by: SYSTEM, restingMs: RESTING_MS });
    });
    if (withdrawn.length > 0) {
      const left = withdrawn.filter(({ outcome }) => outcome !== 'revoked').length;
      const about = { tenant: ref.tenantId, server: ref.serverId, count: withdrawn.length, left };
      this.log.info('credentials of former settings were taken out of use', about);
    }
    return withdrawn;
  }
}
