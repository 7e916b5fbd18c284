import { Clock } from '#kernel';
import { ObservabilityModule } from '#observability';
import { PersistenceModule, byDatabase } from '#persistence';
import { Module } from '@nestjs/common';
import { ConsentSweep } from './consents/consent-sweep.js';
import { PendingConsentStore } from './consents/pending-consent.store.js';
import { PendingConsents } from './consents/pending-consents.js';
import { DocumentsPendingConsentStore } from './documents/documents.pending-consent.store.js';
import { PostgresPendingConsentStore } from './postgres/postgres.pending-consent.store.js';
import { TokenKeeper } from './token-keeper.js';

/** Credentials for members that were had from issuers, and consents on the way there: kept, and renewed once. */
@Module({
  imports: [ObservabilityModule, PersistenceModule],
  providers: [
    Clock,
    TokenKeeper,
    byDatabase(PendingConsentStore, {
      postgres: PostgresPendingConsentStore,
      cloudant: DocumentsPendingConsentStore,
    }),
    PendingConsents,
    ConsentSweep,
  ],
  exports: [TokenKeeper, PendingConsents],
})
export class TokenStoreModule {}
