import { MemberPool } from '#builder';
import type { Fault, TenantId } from '#kernel';
import { type NamingGate, type VirtualServer, VirtualServers } from '#registry';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ToolCatalog } from './tool-catalog.js';

const MAX_FAULTS = 20;

/**
 * Refuses a virtual server at which two members would offer the same name, and says whose it would be. What collides
 * later, because a member offers something new, is offered by neither; the log says so.
 */
@Injectable()
export class NameJudge implements NamingGate, OnModuleInit {
  constructor(
    private readonly virtualServers: VirtualServers,
    private readonly pool: MemberPool,
    private readonly catalog: ToolCatalog,
  ) {}

  onModuleInit(): void {
    this.virtualServers.useGate(this);
  }

  async faultsOf(tenant: TenantId, server: VirtualServer): Promise<readonly Fault[]> {
    await this.pool.load(tenant);
    return this.catalog
      .collisions(tenant, server)
      .slice(0, MAX_FAULTS)
      .map(({ name, owners: [one, other] }) => ({
        path: server.naming === 'custom' ? 'names' : 'naming',
        message: `would give "${name}" to a tool of "${one}" and to one of "${other}"`,
      }));
  }
}
