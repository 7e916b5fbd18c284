import type { TenantId } from '#kernel';

/** What is kept of one session, under a name of its own. Nothing of the body can be read. */
export interface SessionRecord {
  /** Key of the session; visible ASCII without blanks and slashes. */
  readonly session: string;
  /** Visible ASCII; what belongs together begins alike. */
  readonly name: string;
  /** Sealed for its tenant, session and name. */
  readonly body: string;
}

export interface NewSessionRecord extends SessionRecord {
  /** After so long it is as good as gone. */
  readonly seconds: number;
}

export interface RecordRange {
  /** What the names begin with. */
  readonly prefix: string;
  /** Goes on behind this name. */
  readonly after?: string;
}

/** The topic under which a change that others should look at is announced. */
export const SESSION_LETTERS = 'session-letters';
/** Of one range: who wants more goes on behind the last. */
export const RANGE_LIMIT = 1_000;

/** Durable home of what sessions of legacy clients leave behind, which every replica may need. */
export abstract class SessionRecordStore {
  /**
   * Writes records, over those of the same name.
   *
   * @param isNews has every replica look, under `SESSION_LETTERS`
   * @throws DatabaseUnavailableError, UnknownTenantError
   */
  abstract put(tenant: TenantId, records: readonly NewSessionRecord[], isNews: boolean): Promise<void>;
  /** In the order of their names, by code unit; at most `RANGE_LIMIT`. @throws DatabaseUnavailableError */
  abstract list(tenant: TenantId, session: string, range: RecordRange): Promise<readonly SessionRecord[]>;
  /** Removes what begins with this. @throws DatabaseUnavailableError */
  abstract remove(tenant: TenantId, session: string, prefix: string): Promise<void>;
  /** Removes what has expired, at most `limit` of each tenant. Gives how much there was. */
  abstract sweep(limit: number): Promise<number>;
}
