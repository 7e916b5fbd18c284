import type { JsonObject } from '#kernel';
import type { Actor } from '#tenancy';

/** `done`: it happened. `refused`: it was not allowed. `failed`: it was allowed and did not work. */
export type AuditOutcome = 'done' | 'refused' | 'failed';

/** What happened, to be told before it is chained. Holds no secret: whoever makes one masks them. */
export interface AuditEvent {
  /** What was done, `<thing>.<verb in the past>`: `server.updated`, `api_key.revoked`, `tool.called`. */
  readonly action: string;
  readonly outcome?: AuditOutcome;
  /** When it happened, in milliseconds since the epoch, if that was before it is recorded. */
  readonly at?: number;
  readonly actor: Actor;
  /** What it was done to, `<thing>:<id>`. */
  readonly target?: string;
  /** How the thing was and is, secrets as markers. */
  readonly before?: JsonObject;
  readonly after?: JsonObject;
  readonly detail?: JsonObject;
}

/** An event as it stands in the trail. */
export interface AuditRecord extends Omit<AuditEvent, 'at'> {
  readonly outcome: AuditOutcome;
  /** Its place in the tenant's trail, from 1 without gaps. */
  readonly seq: number;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** What chains it to the event before it, in hexadecimal: the same as in an anchor. */
  readonly hash: string;
}

/** A point of a trail that was written down elsewhere: what it proves cannot be taken back by whoever has the database. */
export interface AuditAnchor {
  readonly seq: number;
  readonly hash: string;
}
