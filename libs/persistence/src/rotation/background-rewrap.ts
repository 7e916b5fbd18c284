import { Log } from '#observability';
import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';
import { PacedLoop } from '../changes/paced-loop.js';
import { KeyLedger } from './key-ledger.js';
import { KeyRewrap } from './key-rewrap.js';
import { KeyRingKeeper } from './key-ring-keeper.js';
import { RewrapLease } from './rewrap-lease.js';
import { WrappedKeyStores } from './wrapped-key-stores.js';

/** The second one is for what has to wait: for a process that lacks a key, for another one that is at it, for the database. */
const PACE = { everyMs: 60 * 60_000, apartMs: 5_000 };

/**
 * Re-wraps what other keys than the one that seals have wrapped, while the process serves: after the start, when another
 * key seals than before, and every hour. One process at a time.
 */
@Injectable()
export class BackgroundRewrap implements OnModuleInit, BeforeApplicationShutdown {
  private readonly loop = new PacedLoop(() => this.turn(), PACE);
  private readonly stopping = new AbortController();
  private readonly lease: RewrapLease;
  private told: string | undefined;

  constructor(
    private readonly keys: KeyRingKeeper,
    private readonly ledger: KeyLedger,
    private readonly rewrap: KeyRewrap,
    private readonly stores: WrappedKeyStores,
    private readonly log: Log,
  ) {
    this.lease = new RewrapLease(ledger);
  }

  onModuleInit(): void {
    this.keys.onSealingKey(() => this.loop.wake());
  }

  /** For processes that serve. */
  begin(): void {
    this.loop.start();
    this.loop.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.loop.stop();
  }

  private async turn(): Promise<void> {
    const keyId = this.keys.ring.activeId;
    try {
      const left = await this.underOthers(keyId);
      if (left === 0) return;
      const obstacle = (await this.lacking(keyId)) ?? (await this.run(keyId));
      if (obstacle !== undefined) this.wait('keys wait to be re-wrapped', obstacle, { key: keyId, left });
    } catch (error) {
      this.wait('keys cannot be re-wrapped at the moment', String(error), { key: keyId, err: error });
    }
  }

  private async lacking(keyId: string): Promise<string | undefined> {
    const lacking = (await this.ledger.holders()).filter(({ keyIds }) => !keyIds.includes(keyId));
    return lacking.length > 0 ? `${lacking.map(({ name }) => name).join(', ')} cannot open with it` : undefined;
  }

  /** @returns why it did not */
  private async run(keyId: string): Promise<string | undefined> {
    const other = await this.lease.during(keyId, () => this.rewrapAll(keyId));
    return other && `${other} is at it`;
  }

  private async rewrapAll(keyId: string): Promise<void> {
    this.told = undefined;
    const count = await this.underOthers(keyId); // another process may just have been at it
    if (count === 0) return;
    this.log.info('keys are re-wrapped', { key: keyId, count });
    const { rewrapped } = await this.rewrap.run(keyId, {
      signal: this.stopping.signal,
      onBatch: (done) => this.log.debug('keys are being re-wrapped', { key: keyId, done, count }),
    });
    const left = await this.underOthers(keyId);
    this.log.info('keys were re-wrapped', { key: keyId, rewrapped, left });
    // What was being changed by somebody else. Where nothing could be done, there is an hour for whoever reads the log.
    if (left > 0 && rewrapped > 0) this.loop.wake();
  }

  private async underOthers(keyId: string): Promise<number> {
    return [...(await this.stores.count())].reduce((sum, [id, count]) => (id === keyId ? sum : sum + count), 0);
  }

  /** Tries again soon, and tells each reason once as long as it stays. */
  private wait(what: string, because: string, fields: Readonly<Record<string, unknown>>): void {
    const told = `${what}: ${because}`;
    if (this.told !== told) this.log.warn(what, { ...fields, ...('err' in fields ? {} : { because }) });
    this.told = told;
    if (!this.stopping.signal.aborted) this.loop.wake();
  }
}
