import { Log } from '#observability';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { PacedLoop } from '../changes/paced-loop.js';
import { KeyCheck } from '../sealing/key-check.js';
import { type FoundRing, KeyRingFile } from '../sealing/key-ring-file.js';
import type { KeyRing } from '../sealing/key-ring.js';
import { RingKeyProvider } from '../sealing/ring.key-provider.js';
import { KeyLedger } from './key-ledger.js';
import { WrappedKeyStores } from './wrapped-key-stores.js';

const LOOK = { everyMs: 1_000, apartMs: 50 };

/**
 * Which keys this process uses. A ring that is written anew is taken over within a second, once its keys are known to be
 * the right ones; one that is faulty is not, and the former one stays in use. A new first key opens at once and seals
 * only when every process that serves holds it, so that whatever one of them seals every other one can open.
 */
@Injectable()
export class KeyRingKeeper implements BeforeApplicationShutdown {
  private readonly loop = new PacedLoop(() => this.look(), LOOK);
  private readonly listeners = new Set<() => void>();
  private looking: Promise<void> | undefined;
  private complaint: string | undefined;

  constructor(
    private readonly file: KeyRingFile,
    private readonly check: KeyCheck,
    private readonly ledger: KeyLedger,
    private readonly stores: WrappedKeyStores,
    private readonly log: Log,
  ) {}

  /** The keys in use, the one that seals first. */
  get ring(): KeyRing {
    return this.file.ring;
  }

  /** The keys as they are written down. */
  get written(): KeyRing {
    return this.file.written;
  }

  /** @throws KeyFileError */
  async load(): Promise<void> {
    await this.file.load();
  }

  /**
   * The loaded ring is the right one, and it is decided which of its keys seals.
   *
   * @throws KeyWrongError, KeyMissingError, DatabaseUnavailableError
   */
  async verify(): Promise<void> {
    await this.check.verify();
    await this.choose();
  }

  /** Begins to look for changes each second. For processes that serve. */
  follow(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
  }

  /** Calls `listener` whenever another key seals than before. */
  onSealingKey(listener: () => void): void {
    this.listeners.add(listener);
  }

  /**
   * Takes over what is written down now.
   *
   * @throws KeyFileError, KeyWrongError, KeyMissingError, DatabaseUnavailableError; the former ring is in use then
   */
  async refresh(): Promise<void> {
    // Two at once would overwrite each other's choice.
    const before = this.looking ?? Promise.resolve();
    const looking = before.then(
      () => this.takeOver(),
      () => this.takeOver(),
    );
    this.looking = looking;
    await looking;
  }

  private async look(): Promise<void> {
    try {
      await this.refresh();
      this.complaint = undefined;
    } catch (error) {
      const complaint = String(error);
      if (complaint !== this.complaint)
        this.log.error('key ring cannot be taken over; the former one stays', { err: error });
      this.complaint = complaint;
    }
  }

  private async takeOver(): Promise<void> {
    const found = await this.file.changed();
    if (found) await this.take(found);
    if (this.file.written.activeId !== this.file.ring.activeId) await this.choose();
  }

  private async take(found: FoundRing): Promise<void> {
    await this.check.admit(RingKeyProvider.of(found.ring));
    const kept = await this.stillNeeded(found.ring);
    if (kept.length > 0)
      this.log.error('key ring lacks keys that still wrap something; put them back before this process ends', {
        keys: kept,
      });
    const opening = found.ring.openingToo(this.file.ring, kept);
    // The key that has sealed until now goes on, until it is known that everybody can open what the new one seals.
    const ring = opening.sealingWith(this.file.ring.activeId);
    this.file.take(found);
    this.use(ring);
    this.log.info('key ring taken over', { keys: found.ring.ids });
    await this.choose();
  }

  /** Keys of the ring in use that the new one has no more, although something needs them. */
  private async stillNeeded(ring: KeyRing): Promise<readonly string[]> {
    const gone = this.file.ring.ids.filter((id) => !ring.find(id));
    if (gone.length === 0) return [];
    const counts = await this.stores.count();
    return gone.filter((id) => (counts.get(id) ?? 0) > 0);
  }

  /** The first key that every process holds; the first one of all where there is none. */
  private async choose(): Promise<void> {
    const { written } = this.file;
    const holders = await this.ledger.holders();
    const id = written.ids.find((each) => holders.every(({ keyIds }) => keyIds.includes(each))) ?? written.activeId;
    this.use(this.file.ring.sealingWith(id));
  }

  private use(ring: KeyRing): void {
    const before = this.file.ring.activeId;
    this.file.use(ring);
    if (ring.activeId === before) return;
    this.log.info('another key seals', { key: ring.activeId });
    for (const tell of this.listeners) tell();
  }
}
