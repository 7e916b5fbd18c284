import { Clock } from '#kernel';
import { type Database, KeyWrapper } from '#persistence';
import { ringProvider } from '#persistence/testing';
import { AuditCheck } from '../src/audit-check.js';
import { PostgresAuditStore } from '../src/postgres.audit-store.js';
import { PostgresAuditTrail } from '../src/postgres.audit-trail.js';

type Provider = ConstructorParameters<typeof KeyWrapper>[0];

export interface TrailOptions {
  readonly clock?: Clock;
  /** Whose key wraps the keys of the trails; a random one unless given. */
  readonly provider?: Provider;
}

/** A real trail on a test's database. */
export async function trailOn(
  database: Database,
  { clock = new Clock(), provider }: TrailOptions = {},
): Promise<PostgresAuditTrail> {
  return new PostgresAuditTrail(database, new KeyWrapper(provider ?? (await ringProvider())), clock);
}

/** The check of trails under the keys of `provider`. */
export function checkOn(database: Database, provider: Provider): AuditCheck {
  return new AuditCheck(new PostgresAuditStore(database), new KeyWrapper(provider));
}
