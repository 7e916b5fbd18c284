import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { KeyInUseError, KeyNotEverywhereError, RingKeyUnknownError, KeysLeftError } from '../persistence.errors.js';
import { KeyRingWriter } from '../sealing/key-ring-writer.js';
import { KeyLedger } from './key-ledger.js';
import { KeyRewrap, type Rewrapped } from './key-rewrap.js';
import { KeyRingKeeper } from './key-ring-keeper.js';
import { RewrapLease } from './rewrap-lease.js';
import { WrappedKeyStores } from './wrapped-key-stores.js';

/** Processes look for a new ring every second and report every second. */
const SPREAD_MS = 30_000;
const LOOK_MS = 100;
/** How long rows that others have locked are tried again. */
const LEFT_MS = 15_000;

export interface KeyCounts {
  /** The key that seals. */
  readonly active: string;
  /** How many keys each key of the ring wraps: data keys of tenants, and keys of audit trails. */
  readonly sealed: Readonly<Record<string, number>>;
}

export interface Rotated extends KeyCounts {
  /** The new key, if one was made. */
  readonly added?: string;
  readonly rewrapped: number;
}

export interface Dropped extends KeyCounts {
  /** Whether it is out of the file now. Otherwise it may be taken out of the environment. */
  readonly isRemoved: boolean;
}

type Tell = (line: string) => void;

/** Takes a new key of the ring into use for everything, and old ones out of it, while processes serve. */
@Injectable()
export class KeyRotation {
  private readonly lease: RewrapLease;

  constructor(
    private readonly keys: KeyRingKeeper,
    private readonly writer: KeyRingWriter,
    private readonly ledger: KeyLedger,
    private readonly rewrap: KeyRewrap,
    private readonly stores: WrappedKeyStores,
  ) {
    this.lease = new RewrapLease(ledger);
  }

  async status(): Promise<KeyCounts> {
    const counts = await this.stores.count();
    const ids = new Set([...this.keys.written.ids, ...counts.keys()]);
    const sealed = Object.fromEntries([...ids].map((id) => [id, counts.get(id) ?? 0]));
    return { active: this.keys.ring.activeId, sealed };
  }

  /** Whether `rotate` makes a new key when everything is wrapped by the first one. */
  async makesKeys(): Promise<boolean> {
    return this.writer.mayWrite();
  }

  /**
   * Wraps everything with the first key of the ring. If it does already and the ring is in a file that may be written,
   * a new first key is made before. A rotation that was broken off at any moment is finished by the next one.
   *
   * @param tell what goes on, for people
   * @param withinMs how long to wait for the processes that serve
   * @throws KeyNotEverywhereError when a process does not take the key over in time; nothing was re-wrapped then
   * @throws KeysLeftError when keys are left that do not open
   */
  async rotate(tell: Tell, withinMs: number = SPREAD_MS): Promise<Rotated> {
    const news = onlyNews(tell);
    const isUnfinished = (await this.left(this.keys.written.activeId)) > 0;
    const added = !isUnfinished && (await this.writer.mayWrite()) ? await this.writer.addFirst() : undefined;
    if (added !== undefined) news(`new key "${added}" added to the ring`);
    const keyId = added ?? this.keys.written.activeId;
    await this.spread(keyId, news, performance.now() + withinMs);
    const rewrapped = await this.rewrapAll(keyId, news);
    return { ...(await this.status()), ...(added === undefined ? {} : { added }), rewrapped };
  }

  /**
   * Takes a key out of use that wraps nothing any more, and out of the file of the ring if it may be written.
   *
   * @throws RingKeyUnknownError, KeyInUseError
   */
  async drop(keyId: string): Promise<Dropped> {
    const { active, sealed } = await this.status();
    const { ids, activeId } = this.keys.written;
    if (!ids.includes(keyId)) throw new RingKeyUnknownError(keyId, ids);
    if (keyId === active || keyId === activeId)
      throw new KeyInUseError(keyId, 'it is the one that seals; rotate first');
    refuseWrapping(keyId, sealed[keyId] ?? 0);
    const sealing = (await this.ledger.holders()).filter(({ keyIds }) => keyIds[0] === keyId);
    if (sealing.length > 0)
      throw new KeyInUseError(keyId, `${sealing.map(({ name }) => name).join(', ')} still seals with it`);
    await this.ledger.drop(keyId);
    const late = (await this.stores.count()).get(keyId) ?? 0;
    if (late > 0) {
      await this.ledger.reinstate(keyId);
      refuseWrapping(keyId, late);
    }
    const isRemoved = await this.writer.mayWrite();
    if (isRemoved) {
      await this.writer.remove(keyId);
      await this.keys.refresh();
    }
    return { ...(await this.status()), isRemoved };
  }

  /** Waits until the key seals in this process and in every one that serves. */
  private async spread(keyId: string, tell: Tell, deadline: number): Promise<void> {
    for (;;) {
      await this.keys.refresh();
      const others = (await this.ledger.holders()).filter(({ keyIds }) => keyIds[0] !== keyId);
      if (others.length === 0 && this.keys.ring.activeId === keyId) return;
      const names = others.map(({ name }) => name);
      if (performance.now() >= deadline) throw new KeyNotEverywhereError(keyId, names);
      if (names.length > 0) tell(`waiting for ${names.join(', ')} to seal with "${keyId}"`);
      await pause(LOOK_MS);
    }
  }

  private async rewrapAll(keyId: string, tell: Tell): Promise<number> {
    let sum = 0;
    let deadline = performance.now() + LEFT_MS;
    let left = await this.left(keyId);
    while (left > 0) {
      const { rewrapped, broken } = await this.pass(keyId, left, tell);
      sum += rewrapped;
      const before = left;
      left = await this.left(keyId);
      // Another process that is at it makes progress, too.
      if (left < before) deadline = performance.now() + LEFT_MS;
      else if (broken >= left || performance.now() >= deadline) throw new KeysLeftError(await this.leftByKey(keyId));
      else await pause(LOOK_MS);
    }
    return sum;
  }

  /** Nothing is done where another process is at it. */
  private async pass(keyId: string, left: number, tell: Tell): Promise<Rewrapped> {
    let done: Rewrapped = { rewrapped: 0, broken: 0 };
    const onBatch = (rewrapped: number): void => tell(`${rewrapped} of ${left} keys re-wrapped`);
    const other = await this.lease.during(keyId, async () => {
      done = await this.rewrap.run(keyId, { onBatch });
    });
    if (other !== undefined) tell(`${other} is re-wrapping`);
    return done;
  }

  private async left(keyId: string): Promise<number> {
    return Object.values(await this.leftByKey(keyId)).reduce((sum, count) => sum + count, 0);
  }

  private async leftByKey(keyId: string): Promise<Record<string, number>> {
    return Object.fromEntries([...(await this.stores.count())].filter(([id, count]) => id !== keyId && count > 0));
  }
}

function refuseWrapping(keyId: string, count: number): void {
  if (count > 0) throw new KeyInUseError(keyId, `it wraps ${count} keys; rotate first`);
}

/** What is the same as before is not told again. */
function onlyNews(tell: Tell): Tell {
  let before: string | undefined;
  return (line) => {
    if (line !== before) tell(line);
    before = line;
  };
}
