import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { AcceptedNotes } from './accepted-notes.js';
import { TokenKeeper } from './token-keeper.js';
import { TokenRenewals } from './token-renewals.js';
import { UnsettledTokens } from './unsettled-tokens.js';
import { UnwantedTokens } from './unwanted-tokens.js';

/** What an issuer is being asked for is waited for, however urgent the stop: its answer may exist only once. */
const STOP_MS = 15_000;

/** Brings in what the last process left behind; at the end leaves nothing half done. */
@Injectable()
export class KeeperLifecycle implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    private readonly keeper: TokenKeeper,
    private readonly renewals: TokenRenewals,
    private readonly unsettled: UnsettledTokens,
    private readonly notes: AcceptedNotes,
    private readonly unwanted: UnwantedTokens,
  ) {}

  async onModuleInit(): Promise<void> {
    this.unwanted.listen();
    await this.unsettled.replay();
  }

  /** Calls are still being finished, and may need a credential. */
  beforeApplicationShutdown(): void {
    this.keeper.quiesce();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.renewals.stop(STOP_MS);
    await this.notes.settled();
    await this.unsettled.stop();
    await this.unwanted.settled();
  }
}
