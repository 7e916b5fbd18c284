import { HandleSealer } from '../src/sealing/handle-sealer.js';
import { KeyRingFile } from '../src/sealing/key-ring-file.js';
import { randomRing } from './open-database.js';

/** A real sealer of handles, under a random key ring. */
export async function openHandleSealer(): Promise<HandleSealer> {
  const file = new KeyRingFile({ ring: randomRing(), file: '' });
  await file.load();
  return new HandleSealer(file);
}
