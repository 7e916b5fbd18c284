import { Clock } from '#kernel';
import type { Sealer } from '#persistence';
import { MemoryChangeFeed, openMemorySealer } from '#persistence/testing';
import { MemoryTokenStore } from '../src/memory/memory.token-store.js';
import type { TokenKeeper } from '../src/token-keeper.js';
import { CREDENTIALS } from '../src/token-store.js';
import { type OpenKeeper, keeperOn } from './keeper-on.js';

/** A keeper in memory, for the specs of strategies. */
export function openTokenKeeper(clock: Clock = new Clock()): TokenKeeper {
  return openMemoryKeeper(clock).keeper;
}

/** The same, with what is around it. */
export function openMemoryKeeper(clock: Clock = new Clock()): OpenKeeper {
  const feed = new MemoryChangeFeed();
  const store = new MemoryTokenStore(clock, (tenantId) => void feed.tell({ tenantId, topic: CREDENTIALS }));
  return keeperOn({ store, sealer: sealerOf(openMemorySealer()), feed, clock });
}

/** A sealer that is being opened: a keeper is had without waiting for it. */
function sealerOf(opening: Promise<Sealer>): Sealer {
  const sealer: Pick<Sealer, 'seal' | 'open'> = {
    seal: async (ref, plaintext) => (await opening).seal(ref, plaintext),
    open: async (ref, sealed) => (await opening).open(ref, sealed),
  };
  return sealer as Sealer;
}
