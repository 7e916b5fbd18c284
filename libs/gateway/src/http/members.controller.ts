import { MemberPool, type MemberSlot } from '#builder';
import { serverId } from '#kernel';
import { ServerRegistry } from '#registry';
import { AllowRoles, CurrentPrincipal, type Principal } from '#tenancy';
import { Controller, Get, Param } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import { type MemberHealth, healthOf } from '../management/member-health.js';

/** What the members of the caller's tenant are like at this moment. */
@ApiTags('servers')
@Controller('api/v1')
export class MembersController {
  constructor(
    private readonly registry: ServerRegistry,
    private readonly pool: MemberPool,
    private readonly catalog: ToolCatalog,
  ) {}

  @Get('servers/:id/health')
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'Ask a member server whether it works', description: 'Takes a few seconds at most.' })
  @ApiParam({ name: 'id' })
  async health(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<MemberHealth> {
    const slot = await this.slotOf(by, id);
    if (!slot) return { status: 'Down', server_name: id, state: 'unknown', detail: 'it is deactivated' };
    return healthOf(this.pool, slot);
  }

  @Get('servers/:id/tools')
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'The tools of a member server, as it offered them last' })
  @ApiParam({ name: 'id' })
  async ofServer(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<{ items: unknown[] }> {
    const slot = await this.slotOf(by, id);
    return {
      items: this.visible(by)
        .filter(({ target }) => 'slot' in target && target.slot === slot)
        .map(defined),
    };
  }

  @Get('tools')
  @AllowRoles('admin', 'developer', 'caller')
  @ApiOperation({ summary: 'Every tool that the caller may see' })
  async all(@CurrentPrincipal() by: Principal): Promise<{ items: unknown[] }> {
    await this.pool.load(by.tenantId);
    return { items: this.visible(by).map(defined) };
  }

  @Get('prompts')
  @AllowRoles('admin', 'developer', 'caller')
  @ApiOperation({ summary: 'Every prompt that the caller may see' })
  async prompts(@CurrentPrincipal() by: Principal): Promise<{ items: unknown[] }> {
    await this.pool.load(by.tenantId);
    return { items: this.catalog.viewFor(by).prompts.entries.map(defined) };
  }

  @Get('resources')
  @AllowRoles('admin', 'developer', 'caller')
  @ApiOperation({ summary: 'Every resource, and every template of resources, that the caller may see' })
  async resources(@CurrentPrincipal() by: Principal): Promise<{ items: unknown[]; templates: unknown[] }> {
    await this.pool.load(by.tenantId);
    const { resources, resourceTemplates } = this.catalog.viewFor(by);
    return { items: resources.entries.map(defined), templates: resourceTemplates.entries.map(defined) };
  }

  private visible(by: Principal) {
    return this.catalog.viewFor(by).tools.entries;
  }

  /** Undefined for a server that is there but does not serve; an unknown one throws. */
  private async slotOf({ tenantId }: Principal, id: string): Promise<MemberSlot | undefined> {
    await this.pool.load(tenantId);
    const ref = { tenantId, serverId: serverId(id) };
    await this.registry.get(ref);
    return this.pool.find(ref);
  }
}

const defined = ({ definition }: { readonly definition: Buffer }): unknown => JSON.parse(definition.toString('utf8'));
