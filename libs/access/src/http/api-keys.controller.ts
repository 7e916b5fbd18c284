import type { JsonObject } from '#kernel';
import { AllowRoles, CurrentPrincipal, type Principal } from '#tenancy';
import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { checked, newKeySchema } from '../access-input.js';
import { authorityOf } from '../authority.js';
import { ApiKeyAdministration, keyView } from '../keys/api-key-administration.js';
import { documented } from './schema-documentation.js';

/** API keys of the caller's tenant. */
@ApiTags('api-keys')
@Controller('api/v1/api-keys')
@AllowRoles('admin')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeyAdministration) {}

  @Get()
  @ApiOperation({ summary: 'List the keys, newest first', description: 'None of them can be read again.' })
  async list(@CurrentPrincipal() { tenantId }: Principal): Promise<{ items: JsonObject[] }> {
    return { items: (await this.keys.list(tenantId)).map(keyView) };
  }

  @Post()
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Make a key of a service account',
    description:
      'With a role instead of a principal, the account is made if it is not there. `key` is shown this once.',
  })
  @ApiBody({ schema: documented(newKeySchema) })
  async create(@CurrentPrincipal() by: Principal, @Body() body: unknown): Promise<JsonObject> {
    const { stored, text } = await this.keys.issue(authorityOf(by), checked(newKeySchema, body));
    return { ...keyView(stored), key: text };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Revoke a key' })
  @ApiParam({ name: 'id' })
  async revoke(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<void> {
    await this.keys.revoke(authorityOf(by), id);
  }
}
