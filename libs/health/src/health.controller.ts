import { MemberPool } from '#builder';
import { Database, KeyCheck } from '#persistence';
import { Public, type RequestWithPrincipal } from '#tenancy';
import { Controller, Get, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { HealthCheck, type HealthCheckResult, HealthCheckService, type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { Readiness } from './readiness.js';

/** What balancers, orchestrators and people at night ask. Names no address and no secret. */
@ApiTags('health')
@Controller('health')
@Public()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: Database,
    private readonly keys: KeyCheck,
    private readonly pool: MemberPool,
    private readonly readiness: Readiness,
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
    return this.health.check([() => this.keysOpen(), () => this.configuration(), () => this.serving()]);
  }

  @Get()
  @HealthCheck()
  @ApiOperation({ summary: 'Everything: also the database, and the members by state' })
  all(@Req() { principal }: RequestWithPrincipal): Promise<HealthCheckResult> {
    const tenant = principal?.tenantId;
    return this.health.check([
      () => this.keysOpen(),
      () => this.configuration(),
      () => this.serving(),
      () => this.databaseAnswers(),
      () => this.members(tenant),
    ]);
  }

  private keysOpen(): HealthIndicatorResult {
    return this.told('keys', this.keys.isOpen(), 'the key ring is not open');
  }

  private configuration(): HealthIndicatorResult {
    return this.told('configuration', this.readiness.isLoaded, 'the configuration is not loaded');
  }

  private serving(): HealthIndicatorResult {
    return this.told('serving', !this.readiness.isDraining, 'the process is stopping');
  }

  private async databaseAnswers(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('database');
    try {
      await this.database.ping();
      return indicator.up();
    } catch {
      return indicator.down({ message: 'the database does not answer' });
    }
  }

  /** A member that is down is no failure of the composer. */
  private members(tenant: Parameters<MemberPool['members']>[0] | undefined): HealthIndicatorResult {
    const byState: Record<string, number> = {};
    for (const { outcome } of this.pool.everyMember()) byState[outcome] = (byState[outcome] ?? 0) + 1;
    const own = tenant === undefined ? [] : this.pool.members(tenant);
    const servers = Object.fromEntries(own.map(({ ref, outcome }) => [ref.serverId, outcome]));
    return this.indicators.check('members').up({ states: byState, ...(tenant === undefined ? {} : { servers }) });
  }

  private told(key: string, isUp: boolean, message: string): HealthIndicatorResult {
    const indicator = this.indicators.check(key);
    return isUp ? indicator.up() : indicator.down({ message });
  }
}
