import { AuditModule } from '#audit';
import { listenConfig } from '#config';
import { ObservabilityModule } from '#observability';
import { BrowserCookies, BrowserForms } from '#pages';
import { TokenStoreModule } from '#token-store';
import { type DynamicModule, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { AuthModule } from '../auth.module.js';
import { CallbackDesk } from './callback-desk.js';
import type { ConnectableMembers } from './connectable-members.js';
import { Connections } from './connections.js';
import { ConsentDesk } from './consent-desk.js';
import { ConsentStates } from './consent-states.js';
import { ConsentListener } from './consent.listener.js';
import type { Visitors } from './visitors.js';

export interface ConsentOptions {
  /** Modules that the providers below need. */
  readonly imports: NonNullable<ModuleMetadata['imports']>;
  /** Provides `Visitors` and `ConnectableMembers`: auth sees neither access nor the registry. */
  readonly visitors: Provider<Visitors>;
  readonly members: Provider<ConnectableMembers>;
}

/** The pages where a person connects a member. */
@Module({})
export class ConsentModule {
  static forRoot({ imports, visitors, members }: ConsentOptions): DynamicModule {
    return {
      module: ConsentModule,
      imports: [
        ...imports,
        ConfigModule.forFeature(listenConfig),
        AuditModule,
        AuthModule,
        ObservabilityModule,
        TokenStoreModule,
      ],
      providers: [
        visitors,
        members,
        BrowserCookies,
        BrowserForms,
        Connections,
        ConsentStates,
        ConsentDesk,
        CallbackDesk,
        ConsentListener,
      ],
      exports: [ConsentListener],
    };
  }
}
