import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Log } from '#observability';
import { KeyMissingError, KeyWrongError } from '../persistence.errors.js';
import { KeyCheckStore, type StoredKeyCheck } from './key-check.store.js';
import { KeyProvider } from './key-provider.js';

/** What a check record holds: no secret, only something to recognise. */
const EXPECTED = createHash('sha256').update('mcpc/key-check/v1').digest();

/**
 * Proves at start that the key ring is the one that sealed the database, by a record per key that only this key
 * opens. Better not to start than to seal new values with keys that will not open the old ones.
 */
@Injectable()
export class KeyCheck {
  private verified = false;

  constructor(
    private readonly store: KeyCheckStore,
    private readonly provider: KeyProvider,
    private readonly log: Log,
  ) {}

  /** Whether every key of the ring was found to be the right one. */
  isOpen(): boolean {
    return this.verified;
  }

  /**
   * Opens the check record of every key, and writes it for a key that is new.
   *
   * @throws KeyWrongError when a key has the id of another one
   * @throws KeyMissingError when no key of the ring has ever sealed this database, but others have
   */
  async verify(): Promise<void> {
    this.verified = false;
    await this.admit(this.provider);
    this.verified = true;
  }

  /**
   * The same for keys that are not in use yet: after that they may be.
   *
   * @throws KeyWrongError, KeyMissingError
   */
  async admit(provider: KeyProvider): Promise<void> {
    const ids = provider.keyIds();
    const checks = await this.store.list();
    const absent = checks.map(({ keyId }) => keyId).filter((id) => !ids.includes(id));
    if (checks.length > 0 && absent.length === checks.length) throw new KeyMissingError(absent);
    if (absent.length > 0) this.log.warn('key ring lacks keys that once sealed this database', { keys: absent });
    const known = new Set(checks.map(({ keyId }) => keyId));
    // Whatever another process wrote in between counts, so everything is read again after writing.
    for (const id of ids) if (!known.has(id)) await this.write(provider, id);
    for (const check of await this.store.list()) if (ids.includes(check.keyId)) await open(provider, check);
  }

  private async write(provider: KeyProvider, id: string): Promise<void> {
    const sealed = (await provider.wrap(id, refOf(id), EXPECTED)).toString('base64url');
    await this.store.admit({ keyId: id, sealed });
  }
}

async function open(provider: KeyProvider, { keyId, sealed }: StoredKeyCheck): Promise<void> {
  const bytes = Buffer.from(sealed, 'base64url');
  const opened = await provider.unwrap(keyId, refOf(keyId), bytes).catch((error: unknown) => {
    throw new KeyWrongError(keyId, error);
  });
  if (!opened.equals(EXPECTED)) throw new KeyWrongError(keyId);
}

/** A check record belongs to no tenant and is no data key; a real one never has this reference. */
const refOf = (id: string) => ({ tenantId: '', dataKeyId: `check:${id}` });
