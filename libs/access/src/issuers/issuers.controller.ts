import { AllowRoles, CurrentPrincipal, type Principal, actorOf } from '#tenancy';
import { Body, Controller, Delete, Get, HttpCode, Param, Put } from '@nestjs/common';
import { ApiBody, type ApiBodyOptions, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { IssuerRegistry, type IssuerView } from './issuer-registry.js';
import { issuerSchema } from './issuer.schema.js';

type DocumentedSchema = Extract<ApiBodyOptions, { schema: unknown }>['schema'];
const { $schema: _dialect, ...schema } = z.toJSONSchema(issuerSchema, { io: 'input', unrepresentable: 'any' });

/** Issuers whose tokens the caller's tenant trusts. */
@ApiTags('issuers')
@Controller('api/v1/issuers')
export class IssuersController {
  constructor(private readonly issuers: IssuerRegistry) {}

  @Get()
  @AllowRoles('admin')
  @ApiOperation({ summary: 'List the issuers whose tokens are trusted' })
  async list(@CurrentPrincipal() { tenantId }: Principal): Promise<{ items: readonly IssuerView[] }> {
    return { items: await this.issuers.list(tenantId) };
  }

  @Get(':id')
  @AllowRoles('admin')
  @ApiOperation({ summary: 'One issuer' })
  @ApiParam({ name: 'id' })
  async get(@CurrentPrincipal() { tenantId }: Principal, @Param('id') id: string): Promise<IssuerView> {
    return this.issuers.get(tenantId, id);
  }

  @Put(':id')
  @AllowRoles('admin')
  @ApiOperation({
    summary: 'Trust an issuer, or change how',
    description: 'A client_secret of {"set": true} keeps the stored one while the addresses keep their origins.',
  })
  @ApiParam({ name: 'id' })
  @ApiBody({ schema: schema as DocumentedSchema })
  async put(@CurrentPrincipal() by: Principal, @Param('id') id: string, @Body() body: unknown): Promise<IssuerView> {
    return this.issuers.put({ tenant: by.tenantId, id, actor: actorOf(by), roles: by.roles }, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Trust an issuer no more' })
  @ApiParam({ name: 'id' })
  async remove(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<void> {
    await this.issuers.remove({ tenant: by.tenantId, id, actor: actorOf(by) });
  }
}
