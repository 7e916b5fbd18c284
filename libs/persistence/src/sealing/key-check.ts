import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Log } from '#observability';
import { Database } from '../database/database.js';
import { KeyMissingError, KeyWrongError } from '../persistence.errors.js';
import { KeyProvider } from './key-provider.js';

/** What a check record holds: no secret, only something to recognise. */
const EXPECTED = createHash('sha256').update('mcpc/key-check/v1').digest();

interface Row {
  readonly kek_id: string;
  readonly sealed: string;
}

/**
 * Proves at start that the key ring is the one that sealed the database, by a record per key that only this key
 * opens. Better not to start than to seal new values with keys that will not open the old ones.
 */
@Injectable()
export class KeyCheck {
  private verified = false;

  constructor(
    private readonly database: Database,
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
    const rows = await this.read();
    const absent = rows.map((row) => row.kek_id).filter((id) => !ids.includes(id));
    if (rows.length > 0 && absent.length === rows.length) throw new KeyMissingError(absent);
    if (absent.length > 0) this.log.warn('key ring lacks keys that once sealed this database', { keys: absent });
    const known = new Set(rows.map((row) => row.kek_id));
    // Whatever another process wrote in between counts, so everything is read again after writing.
    for (const id of ids) if (!known.has(id)) await this.write(provider, id);
    for (const row of await this.read()) if (ids.includes(row.kek_id)) await open(provider, row);
  }

  /** Of keys that were dropped none is missed. */
  private read(): Promise<Row[]> {
    return this.database.asOperator((tx) =>
      tx.query<Row>(`SELECT kek_id, sealed FROM key_checks WHERE dropped_at IS NULL ORDER BY kek_id`),
    );
  }

  /** A key that was dropped and is in a ring again has the same record. */
  private async write(provider: KeyProvider, id: string): Promise<void> {
    const sealed = (await provider.wrap(id, refOf(id), EXPECTED)).toString('base64url');
    await this.database.asOperator((tx) =>
      tx.execute(
        `INSERT INTO key_checks (kek_id, sealed) VALUES ($1, $2)
         ON CONFLICT (kek_id) DO UPDATE SET dropped_at = NULL WHERE key_checks.dropped_at IS NOT NULL`,
        [id, sealed],
      ),
    );
  }
}

async function open(provider: KeyProvider, { kek_id: id, sealed }: Row): Promise<void> {
  const opened = await provider.unwrap(id, refOf(id), Buffer.from(sealed, 'base64url')).catch((error: unknown) => {
    throw new KeyWrongError(id, error);
  });
  if (!opened.equals(EXPECTED)) throw new KeyWrongError(id);
}

/** A check record belongs to no tenant and is no data key; a real one never has this reference. */
const refOf = (id: string) => ({ tenantId: '', dataKeyId: `check:${id}` });
