import { Injectable } from '@nestjs/common';
import { KeyMissingError } from '../persistence.errors.js';
import { KeyRingFile } from './key-ring-file.js';
import { NONCE_BYTES, TAG_BYTES, decrypt, encrypt, lengthPrefixed } from './gcm.js';
import { KeyRing } from './key-ring.js';
import { type DataKeyRef, KeyProvider } from './key-provider.js';

const VERSION = 1;

/** Wraps with the key ring of this process. A wrapped key is version (1 byte), nonce, ciphertext, tag. */
@Injectable()
export class RingKeyProvider extends KeyProvider {
  constructor(private readonly file: KeyRingFile) {
    super();
  }

  /** Of a ring that is not in use, or not yet. */
  static of(ring: KeyRing): RingKeyProvider {
    const file = new KeyRingFile({ ring, file: '' });
    file.use(ring);
    return new RingKeyProvider(file);
  }

  keyIds(): readonly string[] {
    return this.file.ring.ids;
  }

  async wrap(keyId: string, ref: DataKeyRef, dataKey: Buffer): Promise<Buffer> {
    const { nonce, ciphertext, tag } = encrypt(this.key(keyId), dataKey, bound(keyId, ref));
    return Buffer.concat([Buffer.of(VERSION), nonce, ciphertext, tag]);
  }

  async unwrap(keyId: string, ref: DataKeyRef, wrapped: Buffer): Promise<Buffer> {
    if (wrapped[0] !== VERSION) throw new Error('a wrapped key of an unknown version');
    const nonce = wrapped.subarray(1, 1 + NONCE_BYTES);
    const ciphertext = wrapped.subarray(1 + NONCE_BYTES, -TAG_BYTES);
    const tag = wrapped.subarray(-TAG_BYTES);
    return decrypt(this.key(keyId), { nonce, ciphertext, tag }, bound(keyId, ref));
  }

  private key(keyId: string) {
    const key = this.file.ring.find(keyId);
    if (!key) throw new KeyMissingError([keyId]);
    return key;
  }
}

const bound = (keyId: string, { tenantId, dataKeyId }: DataKeyRef): Buffer =>
  lengthPrefixed('mcpc/key/v1', keyId, tenantId, dataKeyId);
