import { listenConfig } from '#config';
import { EgressModule } from '#egress';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { TokenStoreModule } from '#token-store';
import { Module, type Type } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { AuthAdapter } from './auth-adapter.js';
import type { AuthStrategy } from './auth-strategy.js';
import { ConnectLinks } from './consent/connect-links.js';
import { CONSENT_FLOWS, type ConsentFlow } from './consent/consent-flow.js';
import { memberClientConfig } from './member-client.config.js';
import { AUTH_STRATEGIES, StrategyAuthAdapter, indexByName } from './strategy.auth-adapter.js';
import { IssuedSecrets } from './issuers/issued-secrets.js';
import * as offered from './strategies/index.js';
import { ClientDocumentController } from './strategies/oauth2/client-document.controller.js';
import { Oauth2Consent } from './strategies/oauth2/oauth2-consent.js';
import { OAUTH2_PARTS } from './strategies/oauth2/oauth2-parts.js';
import { TokenKeys } from './token-keys.js';
import { TokenRevocation } from './token-revocation.js';
import { UnwantedRevocation } from './unwanted-revocation.js';

const strategies: Type<AuthStrategy>[] = Object.values(offered);

/** How the composer speaks to members: one provider per strategy, one door for everybody else. */
@Module({
  imports: [
    ConfigModule.forFeature(listenConfig),
    ConfigModule.forFeature(memberClientConfig),
    EgressModule,
    ObservabilityModule,
    TokenStoreModule,
  ],
  controllers: [ClientDocumentController],
  providers: [
    Clock,
    IssuedSecrets,
    TokenKeys,
    ...OAUTH2_PARTS,
    ConnectLinks,
    { provide: CONSENT_FLOWS, useFactory: (...all: ConsentFlow[]) => all, inject: [Oauth2Consent] },
    TokenRevocation,
    UnwantedRevocation,
    ...strategies,
    { provide: AUTH_STRATEGIES, useFactory: (...all: AuthStrategy[]) => indexByName(all), inject: strategies },
    { provide: AuthAdapter, useClass: StrategyAuthAdapter },
  ],
  exports: [AuthAdapter, ConnectLinks, CONSENT_FLOWS],
})
export class AuthModule {}
