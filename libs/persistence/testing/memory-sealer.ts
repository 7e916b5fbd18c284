import { Clock } from '#kernel';
import { DataKeyKeeper } from '../src/sealing/data-key-keeper.js';
import { Sealer } from '../src/sealing/sealer.js';
import { MemoryDataKeyStore } from './memory.data-key.store.js';
import { ringProvider } from './open-database.js';

/** A real sealer whose keys live in memory, for tests that need no database. */
export async function openMemorySealer(clock = new Clock()): Promise<Sealer> {
  return new Sealer(new DataKeyKeeper(new MemoryDataKeyStore(), await ringProvider(), clock));
}
