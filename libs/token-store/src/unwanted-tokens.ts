import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import type { TakenCredential } from './credential-administration.js';
import { StoredTokens } from './stored-tokens.js';
import { type Unsettled, UnsettledTokens } from './unsettled-tokens.js';

/** Has what was had from an issuer revoked there. Ends by itself within half a minute. */
export type Revoker = (taken: TakenCredential) => Promise<unknown>;

/** Beyond this what is waiting, or under way, is only told of. */
const MOST = 1_000;

/**
 * What issuers give for a credential that was taken out of use while they were being asked: it is never used, and handed
 * to whoever can revoke it. As good as it goes: who dies before that leaves it to its end.
 */
@Injectable()
export class UnwantedTokens {
  private revoker: Revoker | undefined;
  /** From before there was a revoker: what a former process has left in the journal is found at the start. */
  private readonly waiting: TakenCredential[] = [];
  private readonly running = new Set<Promise<void>>();

  constructor(
    private readonly unsettled: UnsettledTokens,
    private readonly stored: StoredTokens,
    private readonly log: Log,
  ) {}

  /** Called once, before anything is brought in. */
  listen(): void {
    this.unsettled.onUnwanted((entry) => this.watch(this.take(entry)));
  }

  /** Entered once, by the layer that knows issuers. */
  useRevoker(revoker: Revoker): void {
    this.revoker = revoker;
    for (const taken of this.waiting.splice(0)) this.watch(this.revoke(taken));
  }

  /** Waits for what is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.running);
  }

  private async take(entry: Unsettled): Promise<void> {
    const tokens = entry.live?.tokens ?? (await this.opened(entry));
    const { key } = entry;
    await this.revoke(tokens ? { key, tokens } : { key });
  }

  private async revoke(taken: TakenCredential): Promise<void> {
    if (this.revoker) return void (await this.revoker(taken));
    if (this.waiting.length < MOST) this.waiting.push(taken);
  }

  /** Of the journal: sealed, and of a generation that older entries do not tell. */
  private async opened({ key, sealed, generation }: Unsettled): Promise<TakenCredential['tokens']> {
    if (sealed === undefined || generation === undefined) return undefined;
    return this.stored.open({ key, generation, sealed });
  }

  private watch(work: Promise<void>): void {
    if (this.running.size >= MOST) this.log.warn('too many credentials are being revoked at once');
    const watched = work
      .catch((error: unknown) => this.log.warn('an unwanted credential could not be revoked', { err: error }))
      .finally(() => this.running.delete(watched));
    this.running.add(watched);
  }
}
