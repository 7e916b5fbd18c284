import { type KeyRing } from '#persistence';
import { MemoryDataKeyStore, namedKeysOn, ringProvider } from '#persistence/testing';
import { Fingerprints } from '../src/fingerprints.js';

/** Fingerprints as one process makes them; two with the same store and ring are two processes. */
export async function openFingerprints(store = new MemoryDataKeyStore(), ring?: KeyRing): Promise<Fingerprints> {
  return new Fingerprints(namedKeysOn(store, await ringProvider(ring)));
}
