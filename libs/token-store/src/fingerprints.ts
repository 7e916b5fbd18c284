import { type KeyObject, createHmac } from 'node:crypto';
import type { TenantId } from '#kernel';
import { NamedKeys } from '#persistence';
import { Injectable } from '@nestjs/common';

/** No id of a data key looks like that. */
const KEY = 'credential-fingerprints';

/**
 * Digests of settings, secrets included: they lie in the database in clear, as parts of names. HMAC-SHA-256 under a key of
 * the tenant that the database has only wrapped: whoever gets hold of the database alone can try no password on them. The
 * same in all processes, for as long as the tenant is there.
 */
@Injectable()
export class Fingerprints {
  constructor(private readonly keys: NamedKeys) {}

  /** 43 characters of base64url. Rejects where the tenant's key cannot be had, for the first time in this process. */
  async of(tenant: TenantId, text: string): Promise<string> {
    return digestOf(await this.keys.of(tenant, KEY), text);
  }

  /** The same, if the key is at hand. */
  peek(tenant: TenantId, text: string): string | undefined {
    const key = this.keys.peek(tenant, KEY);
    return key && digestOf(key, text);
  }
}

const digestOf = (key: KeyObject, text: string): string => createHmac('sha256', key).update(text).digest('base64url');
