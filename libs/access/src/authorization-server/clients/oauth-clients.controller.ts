import { AllowRoles, CurrentPrincipal, type Principal, actorOf } from '#tenancy';
import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { type OauthClientView, OauthClients } from './oauth-clients.js';

/** OAuth clients that are registered beforehand: programs that act for themselves, and applications that people sign in with. */
@ApiTags('oauth-clients')
@Controller('api/v1/oauth-clients')
export class OauthClientsController {
  constructor(private readonly clients: OauthClients) {}

  @Get()
  @AllowRoles('admin')
  @ApiOperation({ summary: 'List the registered OAuth clients' })
  async list(@CurrentPrincipal() { tenantId }: Principal): Promise<{ items: readonly OauthClientView[] }> {
    return { items: await this.clients.list(tenantId) };
  }

  @Post()
  @Header('cache-control', 'no-store')
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Register an OAuth client', description: 'Its secret is shown this once.' })
  async create(@CurrentPrincipal() by: Principal, @Body() input: unknown): Promise<OauthClientView> {
    return this.clients.create(by, input);
  }

  @Delete(':id')
  @HttpCode(204)
  @AllowRoles('admin')
  @ApiOperation({ summary: 'Delete an OAuth client; its tokens are refused from then on' })
  @ApiParam({ name: 'id' })
  async remove(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<void> {
    await this.clients.remove(by.tenantId, id, actorOf(by));
  }
}
