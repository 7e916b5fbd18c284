import type { Json, JsonObject, TenantId } from '#kernel';
import { DatabaseUnavailableError, type DocumentRef, OPERATOR, type StoredDocument } from '#persistence';
import { DEFAULT_TENANT } from '#tenancy';
import type { AuditEvent } from '../audit-event.js';

/** A change that is older was left by somebody who died: whoever it is that finds it may finish it. */
export const LEFT_AFTER_MS = 45_000;
/**
 * What a change has not come to by then, to be written down or to be recorded, its writer gives up. So he is over with
 * either before it counts as left: to write it down takes 25 s at most (five of repetitions, and the last of them asks
 * twice), to record it 15.
 */
const GIVEN_UP_AFTER_MS = 15_000;

/** An entry of an index that only one document may have: the name of a tenant, the identity of a person. */
export interface Claim {
  readonly ref: DocumentRef;
  /** What the entry says, besides whose it is. */
  readonly body?: JsonObject;
}

/** What goes with a change of a document. */
export interface RecordedChange {
  /** Recorded in the trail of the document's tenant; in that of the default tenant for what is the operator's. */
  readonly event: AuditEvent | readonly AuditEvent[] | undefined;
  /** Announced once the change is made. */
  readonly topic?: string;
  /** The tenant that has changed, for documents of the operator. */
  readonly of?: TenantId;
  /** What the document must have before the change is made. One that it has already does no harm. */
  readonly claims?: readonly Claim[];
  /** Claims that the document gives up when the change is made. */
  readonly releases?: readonly DocumentRef[];
  /** Documents that go with the change, whatever state they are in then. */
  readonly drops?: readonly DocumentRef[];
}

/** A change that is decided in its document and not yet made. */
export interface PendingChange {
  readonly id: string;
  /** When it was decided, in milliseconds since the epoch. */
  readonly at: number;
  /** A number that the trail had passed before. */
  readonly after: number;
  /** What the document is to be; absent if it is to go. */
  readonly next?: JsonObject;
  readonly events: readonly AuditEvent[];
  readonly claims: readonly Claim[];
  readonly releases: readonly DocumentRef[];
  readonly drops: readonly DocumentRef[];
  /** It is being undone: nothing of it may be made any more. */
  readonly isUndone?: boolean;
}

/** A document that is written by changes: what it is, and what it is about to become. */
export interface ChangingDocument {
  readonly rev: string;
  /** Absent for one that is only about to be made. */
  readonly value?: JsonObject;
  readonly change?: PendingChange;
  /** The change that made it what it is. */
  readonly by?: string;
}

export type Written = Omit<ChangingDocument, 'rev'>;

export const changingIn = ({ rev, body }: StoredDocument): ChangingDocument => ({ ...(body as Written), rev });

/** Documents hold JSON alone, so what is absent is left out. */
export const bodyOf = (written: Written): JsonObject => JSON.parse(JSON.stringify(written)) as { [name: string]: Json };

/** Whose trail tells what happens to a document. */
export const trailOf = ({ partition }: DocumentRef): TenantId => (partition === OPERATOR ? DEFAULT_TENANT : partition);

/** @throws DatabaseUnavailableError for a change of that time that must not go on */
export function refuseLate(at: number, now: number): void {
  if (now - at > GIVEN_UP_AFTER_MS) throw new DatabaseUnavailableError('took too long for a change');
}
