import { Clock } from '#kernel';
import { Module } from '@nestjs/common';
import { TokenKeeper } from './token-keeper.js';

/** Credentials for members that were had from issuers: kept, and renewed once. */
@Module({ providers: [Clock, TokenKeeper], exports: [TokenKeeper] })
export class TokenStoreModule {}
