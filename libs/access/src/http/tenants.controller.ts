import type { JsonObject } from '#kernel';
import { AllowRoles, CurrentPrincipal, type Principal, actorOf } from '#tenancy';
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Res } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { checked, newTenantSchema, tenantPatchSchema } from '../access-input.js';
import { TenantAdministration, viewOf } from '../tenants/tenant-administration.js';
import { documented } from './schema-documentation.js';

/** All tenants, for the operator. */
@ApiTags('tenants')
@Controller('api/v1/tenants')
@AllowRoles('operator')
export class TenantsController {
  constructor(private readonly tenants: TenantAdministration) {}

  @Get()
  @ApiOperation({ summary: 'List the tenants' })
  async list(): Promise<{ items: JsonObject[] }> {
    return { items: (await this.tenants.list()).map(viewOf) };
  }

  @Get(':slug')
  @ApiOperation({ summary: 'One tenant' })
  @ApiParam({ name: 'slug' })
  async get(@Param('slug') slug: string): Promise<JsonObject> {
    return viewOf(await this.tenants.get(slug));
  }

  @Post()
  @ApiOperation({ summary: 'Make a tenant' })
  @ApiBody({ schema: documented(newTenantSchema) })
  async create(@CurrentPrincipal() by: Principal, @Body() body: unknown): Promise<JsonObject> {
    return viewOf(await this.tenants.create(checked(newTenantSchema, body), actorOf(by)));
  }

  @Patch(':slug')
  @ApiOperation({ summary: 'Rename, limit or suspend a tenant', description: 'What is absent stays as it is.' })
  @ApiParam({ name: 'slug' })
  @ApiBody({ schema: documented(tenantPatchSchema) })
  async change(
    @CurrentPrincipal() by: Principal,
    @Param('slug') slug: string,
    @Body() body: unknown,
  ): Promise<JsonObject> {
    return viewOf(await this.tenants.change(slug, checked(tenantPatchSchema, body), actorOf(by)));
  }

  @Delete(':slug')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete a tenant with everything of it',
    description:
      'Its keys go too: nothing that was sealed for it can be opened again, in no backup either. ' +
      'Status 200 tells what of it goes on elsewhere; 204: nothing.',
  })
  @ApiParam({ name: 'slug' })
  async remove(
    @CurrentPrincipal() by: Principal,
    @Param('slug') slug: string,
    @Res({ passthrough: true }) answer: { status(code: number): unknown },
  ): Promise<{ remaining: readonly string[] } | undefined> {
    const remaining = await this.tenants.remove(slug, actorOf(by));
    answer.status(remaining.length > 0 ? 200 : 204);
    return remaining.length > 0 ? { remaining } : undefined;
  }
}
