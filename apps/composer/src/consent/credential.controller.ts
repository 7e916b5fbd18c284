import { AuthAdapter, type CredentialStanding, mayConnectForAll } from '#auth';
import { MemberReach } from '#gateway';
import { type MemberRef, type PrincipalId, principalId, serverId } from '#kernel';
import { type Answer, ServerRegistry, UnknownServerError, withdrawnBody } from '#registry';
import { AllowPrincipals, CurrentPrincipal, type Principal, actorOf, holdsAny } from '#tenancy';
import { Controller, Delete, Get, HttpCode, Param, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';

/** How the composer stands with the issuers of one member's credentials. Never a value of one. */
@ApiTags('servers')
@Controller('api/v1/servers/:id/credential')
export class CredentialController {
  constructor(
    private readonly registry: ServerRegistry,
    private readonly auth: AuthAdapter,
    private readonly reach: MemberReach,
  ) {}

  @Get()
  @AllowPrincipals()
  @ApiOperation({
    summary: 'How the credentials of a member server stand',
    description: 'Who does not administer servers sees what is shared, and what is their own.',
  })
  @ApiParam({ name: 'id' })
  async get(@CurrentPrincipal() by: Principal, @Param('id') id: string): Promise<object> {
    const ref = { tenantId: by.tenantId, serverId: serverId(id) };
    const { config, needsReentry } = await this.registry.get(ref);
    await this.mustSee(by, ref);
    const isEverybodys = holdsAny(by, ['admin', 'developer', 'operator']);
    const shown = await this.auth.standings(isEverybodys ? ref : { ...ref, of: [null, by.id] });
    return {
      auth_strategy: config['auth_strategy'],
      ...(needsReentry.length > 0 ? { state: 'needs_reentry', needs_reentry: needsReentry } : {}),
      credentials: shown.map(bodyOf),
    };
  }

  @Delete()
  @HttpCode(200)
  @AllowPrincipals()
  @ApiOperation({
    summary: 'Disconnect: revoke what issuers have given for a member server',
    description:
      'All of it, or that of one principal; whoever does not administer servers can disconnect themselves alone. ' +
      'Status 200 tells what became of it; 204: there was none.',
  })
  @ApiParam({ name: 'id' })
  @ApiQuery({ name: 'principal', required: false, description: 'Id of a principal, or "me"' })
  async remove(
    @CurrentPrincipal() by: Principal,
    @Param('id') id: string,
    @Query('principal') whose: string | undefined,
    @Res({ passthrough: true }) answer: Answer,
  ): Promise<object | undefined> {
    const ref = { tenantId: by.tenantId, serverId: serverId(id) };
    await this.registry.get(ref);
    await this.mustSee(by, ref);
    const owner = ownerOf(by, whose);
    const which = owner === undefined ? ref : { ...ref, principalId: owner };
    return withdrawnBody(await this.auth.withdraw(which, actorOf(by)), answer);
  }

  /** Whether the server is there for this principal. A credential of their own is theirs to end in any case. */
  private async mustSee(by: Principal, ref: MemberRef): Promise<void> {
    if (holdsAny(by, ['developer']) || (await this.reach.reaches(by, ref.serverId))) return;
    if ((await this.auth.standings({ ...ref, of: [by.id] })).length > 0) return;
    throw new UnknownServerError();
  }
}

/** Whose credential is meant; undefined: everybody's. */
function ownerOf(by: Principal, whose: string | undefined): PrincipalId | undefined {
  if (!mayConnectForAll(by)) return by.id;
  if (whose === undefined) return undefined;
  return whose === 'me' ? by.id : principalId(whose);
}

function bodyOf({ key, state, generation, ...times }: CredentialStanding): object {
  const { expiresAt, retryAt, lastError, updatedAt } = times;
  return {
    state,
    ...(key.principalId === undefined ? {} : { principal_id: key.principalId }),
    issuer: key.issuer,
    generation,
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt.toISOString() }),
    ...(retryAt === undefined ? {} : { retry_at: retryAt.toISOString() }),
    ...(lastError === undefined ? {} : { last_error: lastError }),
    updated_at: updatedAt.toISOString(),
  };
}
