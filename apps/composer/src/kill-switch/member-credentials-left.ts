import { type MemberRef, type TenantId, isObject } from '#kernel';
import { ServerRegistry } from '#registry';
import { Injectable } from '@nestjs/common';
import type { Remaining } from './revocation.js';

/** The credentials of members, which are valid at their services whatever happens here. */
@Injectable()
export class MemberCredentialsLeft {
  constructor(private readonly registry: ServerRegistry) {}

  async ofTenant(tenantId: TenantId): Promise<readonly Remaining[]> {
    const servers = await this.registry.list(tenantId);
    return servers.flatMap(({ id, config }) => credentialsOf({ tenantId, serverId: id }, config));
  }

  async ofServer(ref: MemberRef): Promise<readonly Remaining[]> {
    return credentialsOf(ref, (await this.registry.get(ref)).config);
  }
}

function credentialsOf(
  { tenantId, serverId }: MemberRef,
  config: Readonly<Record<string, unknown>>,
): readonly Remaining[] {
  const ofTools = isObject(config['tool_auth']) ? Object.values(config['tool_auth']) : [];
  const named = [config, ...ofTools].flatMap((block) => (isObject(block) ? [block['auth_strategy']] : []));
  const strategies = new Set(named.filter((name) => typeof name === 'string' && name !== 'none'));
  return [...strategies].map((strategy) => ({
    kind: 'member_credential',
    tenantId,
    id: serverId,
    text: `its credential (${String(strategy)}) is used here no more and stays valid at the service: revoke it there`,
  }));
}
