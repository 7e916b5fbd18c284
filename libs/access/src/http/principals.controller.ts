import type { JsonObject } from '#kernel';
import { AllowRoles, CurrentPrincipal, type Principal } from '#tenancy';
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { checked, newServiceAccountSchema, pageSchema, principalPatchSchema } from '../access-input.js';
import { authorityOf } from '../authority.js';
import { PrincipalAdministration, principalView } from '../principals/principal-administration.js';
import { documented } from './schema-documentation.js';

/** People and service accounts of the caller's tenant. */
@ApiTags('principals')
@Controller('api/v1/principals')
@AllowRoles('admin')
export class PrincipalsController {
  constructor(private readonly principals: PrincipalAdministration) {}

  @Get()
  @ApiOperation({
    summary: 'List the principals, a page at a time',
    description: '`next` is the `after` of the next page.',
  })
  @ApiQuery({ name: 'after', required: false })
  @ApiQuery({ name: 'limit', required: false })
  async list(
    @CurrentPrincipal() { tenantId }: Principal,
    @Query() query: unknown,
  ): Promise<{ items: JsonObject[]; next?: string }> {
    const { after, limit } = checked(pageSchema, query);
    const found = await this.principals.list(tenantId, { limit: limit + 1, ...(after === undefined ? {} : { after }) });
    const items = found.slice(0, limit);
    const next = found.length > limit ? items.at(-1) : undefined;
    return { items: items.map(principalView), ...(next ? { next: next.id } : {}) };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One principal' })
  @ApiParam({ name: 'id' })
  async get(@CurrentPrincipal() { tenantId }: Principal, @Param('id') id: string): Promise<JsonObject> {
    return principalView(await this.principals.get(tenantId, id));
  }

  @Post()
  @ApiOperation({ summary: 'Make a service account', description: 'People come by signing in.' })
  @ApiBody({ schema: documented(newServiceAccountSchema) })
  async create(@CurrentPrincipal() by: Principal, @Body() body: unknown): Promise<JsonObject> {
    const wanted = checked(newServiceAccountSchema, body);
    return principalView(await this.principals.createServiceAccount(authorityOf(by), wanted));
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Rename or disable a principal, or give it other roles' })
  @ApiParam({ name: 'id' })
  @ApiBody({ schema: documented(principalPatchSchema) })
  async change(@CurrentPrincipal() by: Principal, @Param('id') id: string, @Body() body: unknown): Promise<JsonObject> {
    return principalView(await this.principals.change(authorityOf(by), id, checked(principalPatchSchema, body)));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a principal with its keys' })
  @ApiParam({ name: 'id' })
  async remove(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<void> {
    await this.principals.remove(authorityOf(by), id);
  }
}
