import { ComposerError, type Fault } from '#kernel';

/** What is to be recorded cannot be kept any more: the database has been away for too long. Nothing is done unrecorded. */
export class AuditBacklogError extends ComposerError {
  constructor() {
    super(
      'COMPOSER_AUDIT_BACKLOG',
      'this cannot be recorded at present, so it is not done: the audit trail waits for the database; try again',
      { status: 503, retryable: true },
    );
  }
}

/** Something was done and could not be recorded before its answer, as this tenant wants it; so it is not answered. */
export class AuditDelayedError extends ComposerError {
  constructor(cause: unknown) {
    super(
      'COMPOSER_AUDIT_DELAYED',
      'this was carried out, but could not be recorded at once, so its answer is withheld; it is recorded as soon as the database allows',
      { status: 503, cause },
    );
  }
}

/** A question to the trail that cannot be asked like this. */
export class InvalidAuditQueryError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; ');
    super('COMPOSER_AUDIT_QUERY_INVALID', `the query is refused: ${list}`, { status: 422, faults });
  }
}

/** Reading a whole trail is work; a process does it for a few callers at a time. */
export class AuditBusyError extends ComposerError {
  constructor() {
    super('COMPOSER_AUDIT_BUSY', 'too many exports or verifications are under way; try again in a minute', {
      status: 503,
      retryable: true,
    });
  }
}

/** An export took too long, or its reader did not read. */
export class AuditExportExpiredError extends ComposerError {
  constructor(why: string) {
    super('COMPOSER_AUDIT_EXPORT_EXPIRED', `the export was broken off: ${why}; go on with ?cursor=<last seq>`, {
      status: 504,
      retryable: true,
    });
  }
}

/** Somebody else has put something into a trail, or has taken away its key. Nothing is recorded behind that, so nothing is done. */
export class AuditTrailBrokenError extends ComposerError {
  constructor(seq: number) {
    super(
      'COMPOSER_AUDIT_BROKEN',
      `this cannot be recorded, so it is not done: event ${seq} of the trail was not written by a composer; verify the trail`,
      { status: 503 },
    );
  }
}

/** What only one may have is another one's: a name, an identity. Stores say it in words of their own. */
export class ClaimTakenError extends ComposerError {
  constructor(path: string) {
    super('COMPOSER_CLAIM_TAKEN', `another one has ${path.split('/')[0]} already`, { status: 409 });
  }
}
