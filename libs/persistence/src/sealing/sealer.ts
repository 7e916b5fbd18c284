import { Injectable } from '@nestjs/common';
import type { TenantId } from '#kernel';
import { refuseInside } from '../database/current-transaction.js';
import { SealBrokenError, SealTooLongError } from '../persistence.errors.js';
import { DataKeyKeeper } from './data-key-keeper.js';
import { type Encrypted, decrypt, encrypt, lengthPrefixed } from './gcm.js';

const VERSION = 'v1';
/** AES-256-GCM, nonce of 12 and tag of 16 bytes. Another algorithm gets another name beside this one. */
const ALGORITHM = 'a256gcm';
const MAX_BYTES = 1_048_576;

/** The place of a sealed value. It opens nowhere else: not in another tenant, row, field or generation. */
export interface SealRef {
  readonly tenantId: TenantId;
  readonly table: string;
  /** Id of the row within tenant and table. */
  readonly row: string;
  /** Name or path of the value within the row. */
  readonly field: string;
  /** Counts up with every change of the value, so that an older value put back does not open. */
  readonly generation: number;
}

/**
 * Seals what must not be readable in the database: AES-256-GCM under a key of the tenant's own, which is itself
 * wrapped by the key ring. A sealed value is `v1.<algorithm>.<data key>.<nonce>.<ciphertext>.<tag>`, in base64url.
 */
@Injectable()
export class Sealer {
  constructor(private readonly keys: DataKeyKeeper) {}

  /**
   * Call it before a transaction begins, never inside: the tenant's key may have to be made first, and must not be
   * lost when the transaction rolls back.
   *
   * @throws NestedTransactionError, SealTooLongError, UnknownTenantError, DatabaseUnavailableError
   */
  async seal(ref: SealRef, plaintext: string): Promise<string> {
    refuseInside('a value was to be sealed');
    const bytes = Buffer.from(plaintext);
    try {
      if (bytes.length > MAX_BYTES) throw new SealTooLongError(ref.table, ref.field, MAX_BYTES);
      const { id, key } = await this.keys.forSealing(ref.tenantId);
      const { nonce, ciphertext, tag } = encrypt(key, bytes, bound(ref, id));
      return [VERSION, ALGORITHM, id, ...[nonce, ciphertext, tag].map((part) => part.toString('base64url'))].join('.');
    } finally {
      bytes.fill(0);
    }
  }

  /**
   * May be called inside a transaction of the same tenant.
   *
   * @throws SealBrokenError when the value was altered, moved or sealed with a key that is gone
   * @throws KeyMissingError when the key ring lacks the key that wraps the tenant's
   * @throws DatabaseUnavailableError
   */
  async open(ref: SealRef, sealed: string): Promise<string> {
    const record = parse(sealed);
    const key = record && (await this.keys.forOpening(ref.tenantId, record.keyId))?.key;
    if (!key) throw new SealBrokenError(ref.table, ref.field);
    try {
      const bytes = decrypt(key, record, bound(ref, record.keyId));
      const plaintext = bytes.toString('utf8');
      bytes.fill(0);
      return plaintext;
    } catch (error) {
      throw new SealBrokenError(ref.table, ref.field, error);
    }
  }

  /** Forgets the keys of a tenant that was deleted; with its rows gone, nothing of it opens again. */
  forget(tenant: TenantId): void {
    this.keys.forget(tenant);
  }
}

function bound({ tenantId, table, row, field, generation }: SealRef, keyId: string): Buffer {
  return lengthPrefixed('mcpc/v1', tenantId, table, row, field, String(generation), keyId);
}

function parse(sealed: string): (Encrypted & { readonly keyId: string }) | undefined {
  const parts = sealed.split('.');
  const [version, algorithm, keyId, ...encoded] = parts;
  if (parts.length !== 6 || version !== VERSION || algorithm !== ALGORITHM || !keyId) return undefined;
  const [nonce, ciphertext, tag] = encoded.map((part) => Buffer.from(part, 'base64url'));
  // Decoding skips what is not base64url and the loose bits of the last character: one value, one spelling.
  const isExact = [nonce, ciphertext, tag].every((part, at) => part?.toString('base64url') === encoded[at]);
  return isExact ? { keyId, nonce: nonce!, ciphertext: ciphertext!, tag: tag! } : undefined;
}
