import type { MemberRef } from '#kernel';
import { ServerRegistry } from '#registry';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { insist } from './insistence.js';
import { MemberCredentialsLeft } from './member-credentials-left.js';
import type { Cut } from './revocation.js';

/** Deactivates a member: nothing of it is listed or called. */
@Injectable()
export class ServerStop {
  constructor(
    private readonly registry: ServerRegistry,
    private readonly credentials: MemberCredentialsLeft,
  ) {}

  /** @throws UnknownServerError */
  async stop(ref: MemberRef, actor: Actor): Promise<Cut> {
    const isOld = await insist(() => this.deactivate(ref, actor));
    return {
      stopped: [{ kind: 'server', tenantId: ref.tenantId, id: ref.serverId, isOld }],
      remaining: await this.credentials.ofServer(ref),
    };
  }

  private async deactivate(ref: MemberRef, actor: Actor): Promise<boolean> {
    const { config } = await this.registry.get(ref);
    if (config['status'] === 'deactivated') return true;
    await this.registry.setStatus(ref, 'deactivated', actor);
    return false;
  }
}
