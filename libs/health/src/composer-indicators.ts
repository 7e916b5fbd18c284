import { MemberPool } from '#builder';
import { DatabaseLink, DatabaseUnavailableError, KeyCheck } from '#persistence';
import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { Readiness } from './readiness.js';

/** What the health routes report, one indicator each. */
@Injectable()
export class ComposerIndicators {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly database: DatabaseLink,
    private readonly keys: KeyCheck,
    private readonly pool: MemberPool,
    private readonly readiness: Readiness,
  ) {}

  keysOpen(): HealthIndicatorResult {
    return this.told('keys', this.keys.isOpen(), 'the key ring is not open');
  }

  configuration(): HealthIndicatorResult {
    return this.told('configuration', this.readiness.isLoaded, 'the configuration is not loaded');
  }

  serving(): HealthIndicatorResult {
    return this.told('serving', !this.readiness.isDraining, 'the process is stopping');
  }

  async databaseAnswers(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('database');
    try {
      await this.database.ping();
      return indicator.up();
    } catch (error) {
      return indicator.down({ message: silenceOf(error) });
    }
  }

  /** A member that is down is no failure of the composer. */
  members(tenant: Parameters<MemberPool['members']>[0] | undefined): HealthIndicatorResult {
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

/** How long it is silent, where that is known; nothing else of the fault. */
function silenceOf(error: unknown): string {
  const seconds = error instanceof DatabaseUnavailableError ? error.silentSeconds : undefined;
  if (seconds === undefined) return 'the database does not answer';
  return `the database has answered nothing for ${Math.round(seconds)} s; it is asked again every second or two`;
}
