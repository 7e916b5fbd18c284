import { hostname } from 'node:os';
import { Log } from '#observability';
import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';
import { PacedLoop } from '../changes/paced-loop.js';
import { KeyLedger } from './key-ledger.js';
import { KeyRewrap } from './key-rewrap.js';
import { KeyRingKeeper } from './key-ring-keeper.js';
import { WrappedKeyStores } from './wrapped-key-stores.js';

/** The second one is for what has to wait: for a process that lacks a key, for another one that is at it, for the database. */
const PACE = { everyMs: 60 * 60_000, apartMs: 5_000 };
/** Longer than any batch takes. What a killed process has begun is taken up after this. */
const LEASE_MS = 5_000;

/**
 * Re-wraps what other keys than the one that seals have wrapped, while the process serves: after the start, when another
 * key seals than before, and every hour. One process at a time.
 */
@Injectable()
export class BackgroundRewrap implements OnModuleInit, BeforeApplicationShutdown {
  private readonly loop = new PacedLoop(() => this.turn(), PACE);
  private readonly stopping = new AbortController();
  private readonly name = `${hostname()}:${process.pid}`;
  private told: string | undefined;

  constructor(
    private readonly keys: KeyRingKeeper,
    private readonly ledger: KeyLedger,
    private readonly rewrap: KeyRewrap,
    private readonly stores: WrappedKeyStores,
    private readonly log: Log,
  ) {}

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
      const obstacle = await this.obstacle(keyId);
      if (obstacle !== undefined) this.wait('keys wait to be re-wrapped', { key: keyId, left, because: obstacle });
      else await this.run(keyId);
    } catch (error) {
      this.wait('keys cannot be re-wrapped at the moment', { key: keyId, err: error });
    }
  }

  private async obstacle(keyId: string): Promise<string | undefined> {
    const lacking = (await this.ledger.holders()).filter(({ keyIds }) => !keyIds.includes(keyId));
    if (lacking.length > 0) return `${lacking.map(({ name }) => name).join(', ')} cannot open with it`;
    const other = await this.ledger.lease(keyId, this.name, LEASE_MS);
    return other && `${other} is at it`;
  }

  private async run(keyId: string): Promise<void> {
    this.told = undefined;
    const count = await this.underOthers(keyId); // another process may just have been at it
    if (count === 0) return this.ledger.release(keyId, this.name);
    this.log.info('keys are re-wrapped', { key: keyId, count });
    const { rewrapped } = await this.rewrap.run(keyId, {
      signal: this.stopping.signal,
      onBatch: async (done) => {
        this.log.debug('keys are being re-wrapped', { key: keyId, done, count });
        await this.ledger.lease(keyId, this.name, LEASE_MS);
      },
    });
    await this.ledger.release(keyId, this.name);
    const left = await this.underOthers(keyId);
    this.log.info('keys were re-wrapped', { key: keyId, rewrapped, left });
    // What was being changed by somebody else. Where nothing could be done, there is an hour for whoever reads the log.
    if (left > 0 && rewrapped > 0) this.loop.wake();
  }

  private async underOthers(keyId: string): Promise<number> {
    return [...(await this.stores.count())].reduce((sum, [id, count]) => (id === keyId ? sum : sum + count), 0);
  }

  /** Tries again soon, and tells once why. */
  private wait(what: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.told !== what) this.log.warn(what, fields);
    this.told = what;
    if (!this.stopping.signal.aborted) this.loop.wake();
  }
}
