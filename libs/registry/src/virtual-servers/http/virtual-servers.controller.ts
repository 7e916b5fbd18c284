import { AllowRoles, CurrentPrincipal, type Principal, actorOf } from '#tenancy';
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Put, Res } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { StoredVirtualServer } from '../virtual-server.store.js';
import { VirtualServers } from '../virtual-servers.js';
import { MERGE_DOCUMENTATION, VIRTUAL_SERVER_DOCUMENTATION } from './virtual-server-documentation.js';

/** As it was written; `_meta` tells what the composer knows about it. */
type VirtualServerBody = Record<string, unknown>;

/** What the answer's status is set on. */
interface Answer {
  status(code: number): unknown;
}

/** Named selections of the tools of the caller's tenant, each at `/mcp/{slug}`. */
@ApiTags('virtual servers')
@Controller('api/v1/virtual-servers')
export class VirtualServersController {
  constructor(private readonly servers: VirtualServers) {}

  @Get()
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'List the virtual servers' })
  async list(@CurrentPrincipal() { tenantId }: Principal): Promise<{ items: VirtualServerBody[] }> {
    return { items: (await this.servers.list(tenantId)).map((stored) => bodyOf(stored)) };
  }

  @Get(':slug')
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'One virtual server' })
  @ApiParam({ name: 'slug' })
  async get(@CurrentPrincipal() by: Principal, @Param('slug') slug: string): Promise<VirtualServerBody> {
    return this.withWarnings(await this.servers.get(by.tenantId, slug));
  }

  @Put(':slug')
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Make a virtual server, or replace it' })
  @ApiParam({ name: 'slug' })
  @ApiBody({ schema: VIRTUAL_SERVER_DOCUMENTATION })
  async put(
    @CurrentPrincipal() by: Principal,
    @Param('slug') slug: string,
    @Body() input: unknown,
    @Res({ passthrough: true }) answer: Answer,
  ): Promise<VirtualServerBody> {
    const { stored, isNew } = await this.servers.put(by.tenantId, slug, { input, actor: actorOf(by) });
    answer.status(isNew ? 201 : 200);
    return this.withWarnings(stored);
  }

  @Patch(':slug')
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Change a virtual server', description: 'JSON Merge Patch, RFC 7396.' })
  @ApiParam({ name: 'slug' })
  @ApiBody({ schema: MERGE_DOCUMENTATION })
  async patch(
    @CurrentPrincipal() by: Principal,
    @Param('slug') slug: string,
    @Body() input: unknown,
  ): Promise<VirtualServerBody> {
    const { stored } = await this.servers.patch(by.tenantId, slug, { input, actor: actorOf(by) });
    return this.withWarnings(stored);
  }

  @Delete(':slug')
  @HttpCode(204)
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Delete a virtual server' })
  @ApiParam({ name: 'slug' })
  async remove(@CurrentPrincipal() by: Principal, @Param('slug') slug: string): Promise<void> {
    await this.servers.remove(by.tenantId, slug, actorOf(by));
  }

  private async withWarnings(stored: StoredVirtualServer): Promise<VirtualServerBody> {
    const { tenantId, server } = stored;
    if (!(await this.servers.hides(tenantId, server.slug))) return bodyOf(stored);
    const warning = `there is a server of the same id: /mcp/${server.slug} is this virtual server`;
    return bodyOf(stored, { warnings: [warning] });
  }
}

function bodyOf({ server, version, createdAt, updatedAt }: StoredVirtualServer, more: object = {}): VirtualServerBody {
  const _meta = { version, created_at: createdAt.toISOString(), updated_at: updatedAt.toISOString(), ...more };
  return { ...server, _meta };
}
