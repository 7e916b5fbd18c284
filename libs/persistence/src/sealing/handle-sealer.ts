import { type KeyObject, createSecretKey, hkdfSync } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { NONCE_BYTES, TAG_BYTES, decrypt, encrypt, lengthPrefixed } from './gcm.js';
import { KeyRingFile } from './key-ring-file.js';
import { KEY_BYTES } from './key-strength.js';

const VERSION = 'h1';

/**
 * Seals short texts that leave the process and come back: session ids, states, cursors. Any process with the same key
 * ring opens them; nothing is stored. Each purpose has a key of its own, derived from the ring's (RFC 5869).
 */
@Injectable()
export class HandleSealer {
  private readonly keys = new Map<string, KeyObject>();

  constructor(private readonly file: KeyRingFile) {}

  /** @returns visible ASCII without blanks: letters, digits, `-`, `_`, `.` */
  seal(purpose: string, text: string): string {
    const { activeId } = this.file.ring;
    const { nonce, ciphertext, tag } = encrypt(this.key(activeId, purpose), Buffer.from(text), lengthPrefixed(purpose));
    return [VERSION, activeId, Buffer.concat([nonce, ciphertext, tag]).toString('base64url')].join('.');
  }

  /** `undefined` for everything that was not sealed for this purpose under a key of the ring. */
  open(purpose: string, handle: string): string | undefined {
    const [version, keyId = '', encoded = '', ...rest] = handle.split('.');
    const body = Buffer.from(encoded, 'base64url');
    const isWhole = body.length >= NONCE_BYTES + TAG_BYTES && body.toString('base64url') === encoded;
    if (version !== VERSION || rest.length > 0 || !isWhole || !this.file.ring.find(keyId)) return undefined;
    const parts = {
      nonce: body.subarray(0, NONCE_BYTES),
      ciphertext: body.subarray(NONCE_BYTES, -TAG_BYTES),
      tag: body.subarray(-TAG_BYTES),
    };
    try {
      return decrypt(this.key(keyId, purpose), parts, lengthPrefixed(purpose)).toString('utf8');
    } catch {
      return undefined; // altered, or sealed by somebody else
    }
  }

  private key(keyId: string, purpose: string): KeyObject {
    const name = `${keyId}/${purpose}`;
    let key = this.keys.get(name);
    if (!key) {
      const bytes = hkdfSync('sha256', this.file.ring.find(keyId)!, 'mcpc/v1', `handle:${purpose}`, KEY_BYTES);
      this.keys.set(name, (key = createSecretKey(Buffer.from(bytes))));
    }
    return key;
  }
}
