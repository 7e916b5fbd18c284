import { EgressModule } from '#egress';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { TokenStoreModule } from '#token-store';
import { Module, type Type } from '@nestjs/common';
import { AuthAdapter } from './auth-adapter.js';
import type { AuthStrategy } from './auth-strategy.js';
import { AUTH_STRATEGIES, StrategyAuthAdapter, indexByName } from './strategy.auth-adapter.js';
import { IssuedSecrets } from './issuers/issued-secrets.js';
import * as offered from './strategies/index.js';

const strategies: Type<AuthStrategy>[] = Object.values(offered);

/** How the composer speaks to members: one provider per strategy, one door for everybody else. */
@Module({
  imports: [EgressModule, ObservabilityModule, TokenStoreModule],
  providers: [
    Clock,
    IssuedSecrets,
    ...strategies,
    { provide: AUTH_STRATEGIES, useFactory: (...all: AuthStrategy[]) => indexByName(all), inject: strategies },
    { provide: AuthAdapter, useClass: StrategyAuthAdapter },
  ],
  exports: [AuthAdapter],
})
export class AuthModule {}
