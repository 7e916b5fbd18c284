import { type KeyObject, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
/** The length that GCM takes as it is (NIST SP 800-38D, 5.2.1.1). */
export const NONCE_BYTES = 12;
/** Node accepts tags down to 4 bytes unless told otherwise. */
export const TAG_BYTES = 16;

export interface Encrypted {
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** AES-256-GCM under a random nonce. */
export function encrypt(key: KeyObject, plaintext: Buffer, bound: Buffer): Encrypted {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { nonce, ciphertext, tag: cipher.getAuthTag() };
}

/** @throws Error unless key, nonce, ciphertext, tag and what it was bound to are the same as then */
export function decrypt(key: KeyObject, { nonce, ciphertext, tag }: Encrypted, bound: Buffer): Buffer {
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(bound).setAuthTag(tag);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

/** Joins texts so that no two different lists give the same bytes: each one follows its length. */
export function lengthPrefixed(...parts: readonly string[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = Buffer.from(part);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
