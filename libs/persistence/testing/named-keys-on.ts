import { Clock } from '#kernel';
import type { DataKeyStore } from '../src/sealing/data-key.store.js';
import type { KeyProvider } from '../src/sealing/key-provider.js';
import { KeyWrapper } from '../src/sealing/key-wrapper.js';
import { NamedKeys } from '../src/sealing/named-keys.js';

/** Named keys as one process has them. */
export function namedKeysOn(store: DataKeyStore, provider: KeyProvider): NamedKeys {
  return new NamedKeys(store, new KeyWrapper(provider), new Clock());
}
