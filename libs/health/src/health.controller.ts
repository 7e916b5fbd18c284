import { Public, type RequestWithPrincipal } from '#tenancy';
import { Controller, Get, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';
import { ComposerIndicators } from './composer-indicators.js';

/** What balancers, orchestrators and people at night ask. Names no address and no secret. */
@ApiTags('health')
@Controller('health')
@Public()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly composer: ComposerIndicators,
  ) {}

  @Get('live')
  @HealthCheck()
  @ApiOperation({ summary: 'Whether the process turns its event loop' })
  live(): Promise<HealthCheckResult> {
    return this.health.check([]);
  }

  @Get('ready')
  @HealthCheck()
  @ApiOperation({ summary: 'Whether the process wants requests: keys opened, configuration loaded, not stopping' })
  ready(): Promise<HealthCheckResult> {
    return this.health.check([
      () => this.composer.keysOpen(),
      () => this.composer.configuration(),
      () => this.composer.serving(),
    ]);
  }

  @Get()
  @HealthCheck()
  @ApiOperation({ summary: 'Everything: also the database, and the members by state' })
  all(@Req() { principal }: RequestWithPrincipal): Promise<HealthCheckResult> {
    const tenant = principal?.tenantId;
    return this.health.check([
      () => this.composer.keysOpen(),
      () => this.composer.configuration(),
      () => this.composer.serving(),
      () => this.composer.databaseAnswers(),
      () => this.composer.members(tenant),
    ]);
  }
}
