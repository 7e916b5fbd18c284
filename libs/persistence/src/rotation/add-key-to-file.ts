import { KeyFileError, RotationUnfinishedError } from '../persistence.errors.js';
import { keysConfig } from '../persistence.config.js';
import { KeyRingFile } from '../sealing/key-ring-file.js';
import { KeyRingWriter } from '../sealing/key-ring-writer.js';

/**
 * Puts a new key first in the file of the key ring, without the database: for whoever cannot reach it because the one
 * process that serves has it. That process takes the key over by itself.
 *
 * @returns the id of the key
 * @throws RotationUnfinishedError where the ring holds former keys: nobody can tell here what they still wrap
 * @throws KeyFileError also where the ring is in no file that may be written
 */
export async function addKeyToFile(): Promise<string> {
  const config = keysConfig();
  const file = new KeyRingFile(config);
  await file.load();
  const [first = '', ...former] = file.written.ids;
  const writer = new KeyRingWriter(file);
  if (!(await writer.mayWrite())) {
    throw new KeyFileError(file.path ?? 'of COMPOSER_KEYS', 'it may not be written; add a key to the ring and restart');
  }
  if (former.length > 0) throw new RotationUnfinishedError(first, former);
  return writer.addFirst();
}
