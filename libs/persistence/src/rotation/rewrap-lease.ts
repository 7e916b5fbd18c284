import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';
import type { KeyLedger } from './key-ledger.js';

/** What a killed process has begun is taken up after this. */
const LEASE_MS = 5_000;
/** Three times in its length, so that one that fails does no harm. */
const RENEWED_MS = 1_500;

/** The right to wrap everything with a key, kept for as long as it takes. */
export class RewrapLease {
  /** For people, and told from others of the same machine. */
  private readonly holder = `${hostname()}:${process.pid} ${randomUUID().slice(0, 8)}`;

  constructor(private readonly ledger: KeyLedger) {}

  /** Does the work if nobody else is at it. @returns who is */
  async during(keyId: string, work: () => Promise<void>): Promise<string | undefined> {
    const other = await this.ledger.lease(keyId, this.holder, LEASE_MS);
    if (other !== undefined) return other;
    let renewing: Promise<unknown> | undefined;
    const renew = async (): Promise<void> => {
      await this.ledger.lease(keyId, this.holder, LEASE_MS).catch(() => undefined); // the work finds out by itself
      renewing = undefined;
    };
    const timer = setInterval(() => void (renewing ??= renew()), RENEWED_MS);
    try {
      await work();
      return undefined;
    } finally {
      clearInterval(timer);
      await renewing;
      await this.ledger.release(keyId, this.holder).catch(() => undefined); // it runs out
    }
  }
}
