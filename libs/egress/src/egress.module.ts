import { HttpModule } from '@nestjs/axios';
import { Module } from '@nestjs/common';
import { EgressHttp, axiosSettings } from './egress-http.js';
import { EgressPools } from './egress-pools.js';
import { GuardModule } from './guard.module.js';
import { GuardedAgents } from './guarded-agents.js';

/** The only way out of this process. */
@Module({
  imports: [
    GuardModule,
    HttpModule.registerAsync({ imports: [GuardModule], useFactory: axiosSettings, inject: [GuardedAgents] }),
  ],
  providers: [EgressPools, EgressHttp],
  exports: [GuardModule, EgressPools, EgressHttp],
})
export class EgressModule {}
