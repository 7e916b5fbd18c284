import 'reflect-metadata';
import { Clock } from '#kernel';
import { TokenKeeper, TokenStoreModule } from '#token-store';
import { openTokenKeeper } from '#token-store/testing';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AuthAdapter } from '../src/auth-adapter.js';
import { AuthModule } from '../src/auth.module.js';

@Module({
  providers: [{ provide: TokenKeeper, useFactory: () => openTokenKeeper(new Clock()) }],
  exports: [TokenKeeper],
})
class MemoryTokens {}

/** Every strategy on offer, with the credentials that they have from issuers in memory. */
export async function openAuthAdapter(): Promise<AuthAdapter> {
  const builder = Test.createTestingModule({ imports: [AuthModule] });
  const module = await builder.overrideModule(TokenStoreModule).useModule(MemoryTokens).compile();
  return module.get(AuthAdapter);
}
