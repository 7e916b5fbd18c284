import type { JsonObject } from '#kernel';
import { AllowRoles, CurrentPrincipal, type Principal, ROLES, type Role } from '#tenancy';
import { Body, Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { checked, roleSchema } from '../access-input.js';
import { authorityOf } from '../authority.js';
import { BUILT_IN, RoleAdministration, roleView } from '../roles/role-administration.js';
import { documented } from './schema-documentation.js';

/** Roles of the caller's tenant, and the built-in ones. */
@ApiTags('roles')
@Controller('api/v1/roles')
export class RolesController {
  constructor(private readonly roles: RoleAdministration) {}

  @Get()
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'List the roles, built-in ones first' })
  async list(@CurrentPrincipal() { tenantId }: Principal): Promise<{ items: JsonObject[] }> {
    const own = (await this.roles.list(tenantId)).map((role) => ({ ...roleView(role), built_in: false }));
    return { items: [...ROLES.map(builtIn), ...own] };
  }

  @Get(':name')
  @AllowRoles('admin', 'developer')
  @ApiOperation({ summary: 'One role' })
  @ApiParam({ name: 'name' })
  async get(@CurrentPrincipal() { tenantId }: Principal, @Param('name') name: string): Promise<JsonObject> {
    const known = ROLES.find((role) => role === name);
    return known ? builtIn(known) : { ...roleView(await this.roles.get(tenantId, name)), built_in: false };
  }

  @Put(':name')
  @AllowRoles('admin')
  @ApiOperation({
    summary: 'Make or replace a role',
    description: 'What it opens: patterns of tool names, ids of servers and slugs of virtual servers, with * and ?.',
  })
  @ApiParam({ name: 'name' })
  @ApiBody({ schema: documented(roleSchema) })
  async put(
    @CurrentPrincipal() by: Principal,
    @Param('name') name: string,
    @Body() body: unknown,
  ): Promise<JsonObject> {
    const role = await this.roles.put(authorityOf(by), name, checked(roleSchema, body));
    return { ...roleView(role), built_in: false };
  }

  @Delete(':name')
  @HttpCode(204)
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Delete a role', description: 'Whoever holds it keeps the name, which then opens nothing.' })
  @ApiParam({ name: 'name' })
  async remove(@CurrentPrincipal() by: Principal, @Param('name') name: string): Promise<void> {
    await this.roles.remove(authorityOf(by), name);
  }
}

const builtIn = (name: Role): JsonObject => ({ name, description: BUILT_IN[name], built_in: true });
