import { type KeyObject, createHmac } from 'node:crypto';
import type { TenantId } from '#kernel';

/** What the key of a chain is wrapped for. */
export const CHAIN_KEY = 'audit-chain';
/** What the first event is chained to. */
export const NO_HASH = Buffer.alloc(32);

export interface Link {
  readonly tenantId: TenantId;
  readonly seq: number;
  /** The text of the event, exactly as it is stored. */
  readonly body: string;
}

/**
 * Chains an event to the one before it: HMAC-SHA-256 (RFC 2104) over both, under a key of the tenant's own that lies
 * wrapped by the key ring. Whoever can write to the database alone can neither alter an event nor make a chain anew.
 */
export function linkHash(key: KeyObject, previous: Buffer, { tenantId, seq, body }: Link): Buffer {
  return createHmac('sha256', key).update(previous).update(`${tenantId}\n${seq}\n`).update(body).digest();
}
