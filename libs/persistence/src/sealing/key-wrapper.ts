import { type KeyObject, createSecretKey, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { TenantId } from '#kernel';
import { KeyProvider } from './key-provider.js';
import { KEY_BYTES } from './key-strength.js';

/** A key at rest: wrapped by a key of the key ring. */
export interface WrappedKey {
  readonly keyId: string;
  readonly wrapped: Buffer;
}

/**
 * Keys of a tenant that seal nothing and so are no data keys, such as the one of its audit chain. Each is wrapped
 * for one purpose of one tenant and unwraps for no other. Does no I/O: may be used inside a transaction.
 */
@Injectable()
export class KeyWrapper {
  constructor(private readonly provider: KeyProvider) {}

  /** A new random key of 32 bytes. */
  async make(tenantId: TenantId, purpose: string): Promise<WrappedKey> {
    const keyId = this.provider.keyIds()[0]!;
    const bytes = randomBytes(KEY_BYTES);
    try {
      return { keyId, wrapped: await this.provider.wrap(keyId, { tenantId, dataKeyId: purpose }, bytes) };
    } finally {
      bytes.fill(0);
    }
  }

  /** @throws KeyMissingError, or Error when it was wrapped for something else or altered */
  async open(tenantId: TenantId, purpose: string, { keyId, wrapped }: WrappedKey): Promise<KeyObject> {
    const bytes = await this.provider.unwrap(keyId, { tenantId, dataKeyId: purpose }, wrapped);
    try {
      return createSecretKey(bytes);
    } finally {
      bytes.fill(0);
    }
  }
}
