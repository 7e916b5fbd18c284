import { type ServerId, serverId } from '#kernel';
import { AllowRoles, CurrentPrincipal, type Principal, actorOf, holdsAny } from '#tenancy';
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put, Res } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { type ChangeOptions, type ServerChange, ServerRegistry } from '../server-registry.js';
import type { ServerView } from '../server-view.js';
import { type Answer, withdrawnBody, withdrawnItems } from './withdrawn-body.js';
import { CONFIG_DOCUMENTATION, MERGE_DOCUMENTATION } from './server-config-documentation.js';

/** A configuration as it was registered, secrets as markers; `_meta` tells what the composer knows about it. */
type ServerBody = Record<string, unknown>;

/** Member servers of the caller's tenant. */
@ApiTags('servers')
@Controller('api/v1/servers')
export class ServersController {
  constructor(private readonly registry: ServerRegistry) {}

  @Get()
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'List the member servers' })
  async list(@CurrentPrincipal() { tenantId }: Principal): Promise<{ items: ServerBody[] }> {
    return { items: (await this.registry.list(tenantId)).map((view) => bodyOf(view)) };
  }

  @Get(':id')
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'One member server' })
  @ApiParam({ name: 'id' })
  async get(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<ServerBody> {
    return bodyOf(await this.registry.get(refOf(by, id)));
  }

  @Post()
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Register a member server', description: 'It is built and tried before it is stored.' })
  @ApiBody({ schema: CONFIG_DOCUMENTATION })
  async register(@CurrentPrincipal() by: Principal, @Body() config: unknown): Promise<ServerBody> {
    return changedBody(await this.registry.register(by.tenantId, config, optionsOf(by)));
  }

  @Put(':id')
  @AllowRoles('admin')
  @ApiOperation({
    summary: 'Replace a configuration',
    description:
      'A marker {"set": true} keeps the stored secret. Tokens of settings that are gone are revoked at their issuers; ' +
      '`_meta.withdrawn` tells what became of them.',
  })
  @ApiParam({ name: 'id' })
  @ApiBody({ schema: CONFIG_DOCUMENTATION })
  async replace(
    @CurrentPrincipal() by: Principal,
    @Param('id') id: string,
    @Body() config: unknown,
  ): Promise<ServerBody> {
    return changedBody(await this.registry.update(refOf(by, id), config, { mode: 'replace', ...optionsOf(by) }));
  }

  @Patch(':id')
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Change a configuration', description: 'JSON Merge Patch, RFC 7396.' })
  @ApiParam({ name: 'id' })
  @ApiBody({ schema: MERGE_DOCUMENTATION })
  async change(
    @CurrentPrincipal() by: Principal,
    @Param('id') id: string,
    @Body() patch: unknown,
  ): Promise<ServerBody> {
    return changedBody(await this.registry.update(refOf(by, id), patch, { mode: 'merge', ...optionsOf(by) }));
  }

  @Delete(':id')
  @HttpCode(204)
  @AllowRoles('admin')
  @ApiOperation({
    summary: 'Delete a member server and its credential',
    description: 'Status 200 tells what became of tokens that issuers had given for it; 204: there were none.',
  })
  @ApiParam({ name: 'id' })
  async remove(
    @CurrentPrincipal() by: Principal,
    @Param('id') id: string,
    @Res({ passthrough: true }) answer: Answer,
  ): Promise<ServerBody | undefined> {
    return withdrawnBody(await this.registry.remove(refOf(by, id), actorOf(by)), answer);
  }

  @Post(':id/activate')
  @HttpCode(200)
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Let a member serve' })
  @ApiParam({ name: 'id' })
  async activate(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<ServerBody> {
    return changedBody(await this.registry.setStatus(refOf(by, id), 'active', actorOf(by)));
  }

  @Post(':id/deactivate')
  @HttpCode(200)
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Keep a member, but let it serve no more' })
  @ApiParam({ name: 'id' })
  async deactivate(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<ServerBody> {
    return changedBody(await this.registry.setStatus(refOf(by, id), 'deactivated', actorOf(by)));
  }

  @Get(':id/versions')
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'The last versions of a configuration, newest first' })
  @ApiParam({ name: 'id' })
  async versions(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<{ items: ServerBody[] }> {
    const versions = await this.registry.history(refOf(by, id));
    return {
      items: versions.map(({ config, version, createdAt }) => ({
        version,
        created_at: createdAt.toISOString(),
        config,
      })),
    };
  }

  @Post(':id/versions/:version/restore')
  @HttpCode(200)
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Make a former version the next one', description: 'With the secrets that it had.' })
  @ApiParam({ name: 'id' })
  @ApiParam({ name: 'version' })
  async restore(
    @CurrentPrincipal() by: Principal,
    @Param('id') id: string,
    @Param('version') version: string,
  ): Promise<ServerBody> {
    return changedBody(await this.registry.restore(refOf(by, id), Number(version), actorOf(by)));
  }
}

function refOf({ tenantId }: Principal, id: string): { tenantId: Principal['tenantId']; serverId: ServerId } {
  return { tenantId, serverId: serverId(id) };
}

const optionsOf = (by: Principal): ChangeOptions => ({
  by: actorOf(by),
  mayReadFiles: holdsAny(by, ['operator']),
});

function bodyOf({ config, version, createdAt, updatedAt, needsReentry }: ServerView, more: object = {}): ServerBody {
  const _meta = {
    version,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
    ...(needsReentry.length > 0 ? { state: 'needs_reentry', needs_reentry: needsReentry } : {}),
    ...more,
  };
  return { ...config, _meta };
}

function changedBody({ server, warnings, problem, withdrawn }: ServerChange): ServerBody {
  const former = withdrawn === undefined ? {} : { withdrawn: withdrawnItems(withdrawn) };
  return bodyOf(server, { warnings, ...(problem === undefined ? {} : { problem }), ...former });
}
