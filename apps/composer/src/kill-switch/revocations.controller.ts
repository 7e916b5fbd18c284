import type { JsonObject } from '#kernel';
import { AllowRoles, CurrentPrincipal, type Principal, actorOf } from '#tenancy';
import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { KillSwitch } from './kill-switch.js';
import { reportBody } from './report-body.js';
import { RevocationTargets } from './revocation-targets.js';

const DOCUMENTATION = {
  type: 'object',
  additionalProperties: false,
  properties: {
    tenant: { type: 'string', description: 'A slug. Alone: the whole tenant, for operators.' },
    server: { type: 'string', description: 'The id of a member server.' },
    principal: { type: 'string', description: 'The id of a principal.' },
    issuer: { type: 'string', description: 'An issuer, spelled as it spells itself.' },
  },
} as const;

/** The kill switch over the network. */
@ApiTags('revocations')
@Controller('api/v1/revocations')
export class RevocationsController {
  constructor(
    private readonly targets: RevocationTargets,
    private readonly killSwitch: KillSwitch,
  ) {}

  @Post()
  @HttpCode(200)
  @AllowRoles('operator', 'admin')
  @ApiOperation({
    summary: 'Stop the use of a tenant, a server, a principal or an issuer at once, on every process',
    description: 'Answers when it is in force everywhere, or after two seconds, with what goes on in spite of it.',
  })
  @ApiBody({ schema: DOCUMENTATION })
  async revoke(@CurrentPrincipal() by: Principal, @Body() request: unknown): Promise<JsonObject> {
    return reportBody(await this.killSwitch.revoke(await this.targets.targetOf(request, by), actorOf(by)));
  }
}
