import { timingSafeEqual } from 'node:crypto';
import { Clock } from '#kernel';
import { Injectable } from '@nestjs/common';
import { AccessDirectory } from '../directory/access-directory.js';
import type { CredentialVerifier, Verified } from '../identity/credential-verifier.js';
import { hashOfSecret, parseApiKey } from './api-key-text.js';
import { ApiKeyUses } from './api-key-uses.js';
import { ApiKeyStore } from './api-key.store.js';

/** Compared with where there is no key, so that an unknown id takes as long as a wrong secret. */
const NO_HASH = Buffer.alloc(32);

/** Keys of the composer's own. */
@Injectable()
export class ApiKeyVerifier implements CredentialVerifier {
  constructor(
    private readonly keys: ApiKeyStore,
    private readonly directory: AccessDirectory,
    private readonly uses: ApiKeyUses,
    private readonly clock: Clock,
  ) {}

  takes(presented: string): boolean {
    return parseApiKey(presented) !== undefined;
  }

  async verify(presented: string): Promise<Verified | undefined> {
    const { tenantId, id, secret } = parseApiKey(presented)!;
    const key = await this.keys.find(tenantId, id);
    const isRight = timingSafeEqual(hashOfSecret(secret), key?.hash ?? NO_HASH);
    if (!key || !isRight || key.revokedAt) return undefined;
    const expiresAt = key.expiresAt?.getTime();
    if (expiresAt !== undefined && expiresAt <= this.clock.now()) return undefined;
    const principal = await this.directory.principalFor(tenantId, key.principalId, {
      scopes: key.scopes,
      credential: { kind: 'api_key', id, ...(expiresAt === undefined ? {} : { expiresAt }) },
    });
    if (!principal) return undefined;
    this.uses.note(tenantId, id);
    return { principal };
  }
}
