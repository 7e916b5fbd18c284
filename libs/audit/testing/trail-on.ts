import { Clock } from '#kernel';
import type { Database } from '#persistence';
import { KeyWrapper } from '#persistence';
import { ringProvider } from '#persistence/testing';
import { AuditTrail } from '../src/audit-trail.js';

/** A real trail on a test's database, under a random key ring. */
export async function trailOn(database: Database, clock: Clock = new Clock()): Promise<AuditTrail> {
  return new AuditTrail(database, new KeyWrapper(await ringProvider()), clock);
}
