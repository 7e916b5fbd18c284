import { type KeyObject, createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { KeyRingFile } from './key-ring.file.js';

const ALGORITHM = 'aes-256-gcm';
const TAG = 16;
const NONCE = 12;
const VERSION = 'h1';

/**
 * Seals short texts that leave the process and come back: session ids, states, cursors. Any process with the same key
 * ring opens them; nothing is stored. Each purpose has a key of its own, derived from the ring's (RFC 5869).
 */
@Injectable()
export class HandleSealer {
  private readonly keys = new Map<string, Buffer>();

  constructor(private readonly file: KeyRingFile) {}

  /** @returns visible ASCII without blanks: letters, digits, `-`, `_`, `.` */
  seal(purpose: string, text: string): string {
    const { ring } = this.file;
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(ALGORITHM, this.key(ring.activeId, purpose), nonce, { authTagLength: TAG });
    const body = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${ring.activeId}.${body.toString('base64url')}`;
  }

  /** `undefined` for everything that was not sealed for this purpose under a key of the ring. */
  open(purpose: string, handle: string): string | undefined {
    const [version, keyId = '', encoded = '', rest] = handle.split('.');
    const body = Buffer.from(encoded, 'base64url');
    const isOurs = version === VERSION && rest === undefined && this.file.ring.find(keyId) !== undefined;
    if (!isOurs || body.length < NONCE + TAG || body.toString('base64url') !== encoded) return undefined;
    const decipher = createDecipheriv(ALGORITHM, this.key(keyId, purpose), body.subarray(0, NONCE), {
      authTagLength: TAG,
    });
    decipher.setAuthTag(body.subarray(-TAG));
    try {
      return Buffer.concat([decipher.update(body.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8');
    } catch {
      return undefined; // tampered with
    }
  }

  private key(keyId: string, purpose: string): Buffer {
    const name = `${keyId}/${purpose}`;
    let key = this.keys.get(name);
    if (!key) this.keys.set(name, (key = derived(this.file.ring.find(keyId)!, purpose)));
    return key;
  }
}

function derived(key: KeyObject, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, 'mcpc/v1', `handle:${purpose}`, 32));
}
