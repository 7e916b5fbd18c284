import { AuditModule } from '#audit';
import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule, byDatabase, databaseConfig } from '#persistence';
import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { AcceptedNotes } from './accepted-notes.js';
import { ChangeWaits } from './change-waits.js';
import { ConsentSweep } from './consents/consent-sweep.js';
import { PendingConsentStore } from './consents/pending-consent.store.js';
import { PendingConsents } from './consents/pending-consents.js';
import { ScopeWishes } from './consents/scope-wishes.js';
import { CredentialAdministration } from './credential-administration.js';
import { CredentialChanges } from './credential-changes.js';
import { DocumentsPendingConsentStore } from './documents/documents.pending-consent.store.js';
import { DocumentsTokenStore } from './documents/documents.token-store.js';
import { Fingerprints } from './fingerprints.js';
import { KeeperLifecycle } from './keeper-lifecycle.js';
import { LiveTokens } from './live-tokens.js';
import { PostgresPendingConsentStore } from './postgres/postgres.pending-consent.store.js';
import { PostgresTokenStore } from './postgres/postgres.token-store.js';
import { RenewalClaims } from './renewal-claims.js';
import { StoredTokens } from './stored-tokens.js';
import { TokenJournal } from './token-journal.js';
import { TokenKeeper } from './token-keeper.js';
import { TokenRenewals } from './token-renewals.js';
import { TokenSecrets } from './token-secrets.js';
import { tokenStoreConfig } from './token-store.config.js';
import { TokenStore } from './token-store.js';
import { UnsettledTokens } from './unsettled-tokens.js';
import { UnwantedTokens } from './unwanted-tokens.js';

/** Credentials for members that were had from issuers, and consents on the way there: kept, and renewed once. */
@Module({
  imports: [
    ConfigModule.forFeature(tokenStoreConfig),
    ConfigModule.forFeature(databaseConfig),
    ObservabilityModule,
    PersistenceModule,
    AuditModule,
  ],
  providers: [
    Clock,
    byDatabase(TokenStore, { postgres: PostgresTokenStore, cloudant: DocumentsTokenStore }),
    Fingerprints,
    TokenSecrets,
    LiveTokens,
    StoredTokens,
    AcceptedNotes,
    RenewalClaims,
    TokenJournal,
    UnsettledTokens,
    UnwantedTokens,
    ChangeWaits,
    CredentialChanges,
    TokenRenewals,
    CredentialAdministration,
    TokenKeeper,
    KeeperLifecycle,
    byDatabase(PendingConsentStore, {
      postgres: PostgresPendingConsentStore,
      cloudant: DocumentsPendingConsentStore,
    }),
    PendingConsents,
    ScopeWishes,
    ConsentSweep,
  ],
  exports: [TokenKeeper, Fingerprints, UnwantedTokens, PendingConsents, ScopeWishes],
})
export class TokenStoreModule {}
