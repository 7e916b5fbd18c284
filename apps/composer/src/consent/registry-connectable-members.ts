import { type ConnectableMember, ConnectableMembers, type ConnectableWish } from '#auth';
import { MemberReach } from '#gateway';
import { serverId } from '#kernel';
import { type ServerConfig, ServerRegistry, endpointOf } from '#registry';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';

/** Members as they are stored, so that what is connected is what every process will use. */
@Injectable()
export class RegistryConnectableMembers extends ConnectableMembers {
  constructor(
    private readonly registry: ServerRegistry,
    private readonly reach: MemberReach,
  ) {
    super();
  }

  override async find(principal: Principal, wish: ConnectableWish): Promise<ConnectableMember | undefined> {
    const ref = { tenantId: principal.tenantId, serverId: serverId(wish.serverId) };
    if (!(await this.reach.reaches(principal, ref.serverId))) return undefined;
    let config: ServerConfig | undefined;
    await this.registry.withStored(ref, async (server) => void (config = server?.config));
    if (!config) return undefined;
    const { tool_auth } = config;
    const block = wish.tool === undefined ? config : Object.hasOwn(tool_auth, wish.tool) && tool_auth[wish.tool];
    if (!block) return undefined;
    return {
      label: config.label === '' ? config.id : config.label,
      use: {
        member: ref,
        endpoint: new URL(endpointOf(config)),
        ...(wish.tool === undefined ? {} : { tool: wish.tool }),
      },
      block: { strategy: block.auth_strategy, settings: block.auth },
    };
  }
}
