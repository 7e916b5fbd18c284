import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';

/** What the authorization server keeps. Nothing of it is readable: names are hashes, the payload is sealed. */
export interface AuthorizationRecord {
  readonly tenantId: TenantId;
  /** What it is: `Grant`, `RefreshToken`, `Client`, … */
  readonly kind: string;
  /** SHA-256 of what the client or the browser holds, in base64url. */
  readonly id: string;
  /** Sealed for this place and generation. */
  readonly payload: string;
  readonly generation: number;
  /** The hashed id of the grant that it belongs to; absent for what belongs to none. */
  readonly grantId?: string;
  /** A second hashed name under which it is looked up. */
  readonly uid?: string;
  /** Since when it may not be used again, for what is good for one use. */
  readonly consumedAt?: Date;
  /** Absent for what stays until it is removed. */
  readonly expiresAt?: Date;
}

export type AuthorizationRecordDraft = Omit<AuthorizationRecord, 'consumedAt'>;

/** One record of one tenant. */
export type RecordRef = Pick<AuthorizationRecord, 'tenantId' | 'kind' | 'id'>;

/**
 * Durable home of everything the authorization server must remember. An expired record is as good as gone, whether it
 * was swept or not. Where events are given they are recorded in the same transaction; what is gone is announced as
 * `access`, so that no replica goes on believing in it.
 */
export abstract class AuthorizationRecordStore {
  /** Writes the record, whatever was there before. A mark of consumption stays. */
  abstract upsert(draft: AuthorizationRecordDraft, ...events: readonly AuditEvent[]): Promise<void>;
  /** Writes the record if there is none, and returns the one that is there now. */
  abstract insert(draft: AuthorizationRecordDraft): Promise<AuthorizationRecord>;
  abstract find(ref: RecordRef): Promise<AuthorizationRecord | undefined>;
  abstract findByUid(tenant: TenantId, kind: string, uid: string): Promise<AuthorizationRecord | undefined>;
  /** Oldest first. */
  abstract list(tenant: TenantId, kind: string, limit: number): Promise<readonly AuthorizationRecord[]>;
  /** Marks it as used. False if it was used before or is not there: of many callers at once exactly one gets true. */
  abstract consume(ref: RecordRef, ...events: readonly AuditEvent[]): Promise<boolean>;
  /** Removes and returns it: of many callers at once exactly one gets it. */
  abstract take(ref: RecordRef): Promise<AuthorizationRecord | undefined>;
  /** Moves the end of its life. */
  abstract extend(ref: RecordRef, expiresAt: Date): Promise<void>;
  /** False if there was none; then nothing is recorded either. */
  abstract destroy(ref: RecordRef, ...events: readonly AuditEvent[]): Promise<boolean>;
  /** Removes everything that belongs to the grant, of all kinds. Gives how much there was. */
  abstract revokeByGrantId(tenant: TenantId, grantId: string, ...events: readonly AuditEvent[]): Promise<number>;
  /** Removes what has expired, of every tenant, at most `limit` of each. Gives how much there was. */
  abstract sweep(limit: number): Promise<number>;
}
