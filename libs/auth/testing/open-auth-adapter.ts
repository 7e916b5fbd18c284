import 'reflect-metadata';
import { Clock } from '#kernel';
import { Fingerprints, ScopeWishes, TokenKeeper, TokenStoreModule, UnwantedTokens } from '#token-store';
import { type OpenKeeper, openFingerprints, openMemoryKeeper, openScopeWishes } from '#token-store/testing';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AuthAdapter } from '../src/auth-adapter.js';
import type { AuthStrategy } from '../src/auth-strategy.js';
import { AuthModule } from '../src/auth.module.js';
import { AUTH_STRATEGIES, indexByName } from '../src/strategy.auth-adapter.js';
import * as strategies from '../src/strategies/index.js';

const KEEPER = Symbol('KEEPER');

@Module({
  providers: [
    { provide: KEEPER, useFactory: () => openMemoryKeeper(new Clock()) },
    { provide: TokenKeeper, useFactory: ({ keeper }: OpenKeeper) => keeper, inject: [KEEPER] },
    { provide: UnwantedTokens, useFactory: ({ unwanted }: OpenKeeper) => unwanted, inject: [KEEPER] },
    { provide: Fingerprints, useFactory: () => openFingerprints() },
    { provide: ScopeWishes, useFactory: () => openScopeWishes() },
  ],
  exports: [TokenKeeper, UnwantedTokens, Fingerprints, ScopeWishes],
})
class MemoryTokens {}

const offered = Object.values(strategies);

/**
 * Every strategy on offer, with the credentials that they have from issuers in memory.
 *
 * @param more strategies of the test's own
 */
export async function openAuthAdapter(...more: readonly AuthStrategy[]): Promise<AuthAdapter> {
  const factory = (...all: AuthStrategy[]) => indexByName([...all, ...more]);
  const module = await Test.createTestingModule({ imports: [AuthModule] })
    .overrideModule(TokenStoreModule)
    .useModule(MemoryTokens)
    .overrideProvider(AUTH_STRATEGIES)
    .useFactory({ factory: factory as (...all: unknown[]) => unknown, inject: offered })
    .compile();
  return module.get(AuthAdapter);
}
