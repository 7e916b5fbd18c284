import { ComposerError } from '#kernel';

/** Another process has the embedded database open; two would corrupt it. */
export class DataDirectoryLockedError extends ComposerError {
  constructor(
    readonly directory: string,
    readonly pid: number,
  ) {
    super(
      'COMPOSER_DATA_DIR_LOCKED',
      `process ${pid} has the embedded database in ${directory} open; stop it, or give this one another COMPOSER_DATA_DIR`,
      { status: 503 },
    );
  }
}

/** The embedded database did not start, or not in time. */
export class EmbeddedStartError extends ComposerError {
  constructor(directory: string, reason: string, cause?: unknown) {
    super(
      'COMPOSER_EMBEDDED_DATABASE_FAILED',
      `the embedded database in ${directory} did not start: ${reason}; check free space and rights, or use DATABASE_TYPE=postgres`,
      { cause },
    );
  }
}

/** No answer from the database in time, or no connection. The same request may succeed later. */
export class DatabaseUnavailableError extends ComposerError {
  /** @param silentSeconds for how long nothing has been answered, so that it was not even asked */
  constructor(
    what: string,
    cause?: unknown,
    readonly silentSeconds?: number,
  ) {
    super('COMPOSER_DATABASE_UNAVAILABLE', `the database ${what}${silence(silentSeconds)}; try again in a moment`, {
      status: 503,
      retryable: true,
      cause,
    });
  }
}

/** Work inside a transaction asked for a second one, which a pool of one could never give. */
export class NestedTransactionError extends ComposerError {
  constructor(what: string) {
    super('COMPOSER_DATABASE_NESTED_TRANSACTION', `${what} inside a transaction; do it before the transaction begins`);
  }
}

/** The transaction did not commit although its work returned: a statement had failed and its error was caught. */
export class TransactionLostError extends ComposerError {
  constructor(why: string, cause?: unknown) {
    super('COMPOSER_DATABASE_TRANSACTION_LOST', `nothing was written: ${why}`, { cause });
  }
}

/** The connection broke during COMMIT. Look whether the change is there before doing it again. */
export class CommitUnknownError extends ComposerError {
  constructor(cause?: unknown) {
    super(
      'COMPOSER_DATABASE_COMMIT_UNKNOWN',
      'the database did not confirm the change; look whether it was made before trying again',
      { status: 503, cause },
    );
  }
}

/** Row-level security cannot be relied on with the role that this process connects as. */
export class UnsafeRoleError extends ComposerError {
  constructor(why: string, cause?: unknown) {
    super('COMPOSER_DATABASE_ROLE_UNSAFE', why, { cause });
  }
}

/** The schema could not be brought up to date. */
export class MigrationError extends ComposerError {
  constructor(why: string, cause?: unknown) {
    super('COMPOSER_DATABASE_MIGRATION_FAILED', why, { cause });
  }
}

/** Something was to be stored for a tenant that does not exist. */
export class UnknownTenantError extends ComposerError {
  constructor(cause?: unknown) {
    super('COMPOSER_TENANT_UNKNOWN', 'there is no such tenant; create it first', { status: 404, cause });
  }
}

/** A sealed value did not open: altered, moved to another row, or sealed with a data key that is gone. */
export class SealBrokenError extends ComposerError {
  constructor(table: string, field: string, cause?: unknown) {
    super('COMPOSER_SEAL_BROKEN', `the sealed value in ${table}.${field} does not open; enter it again`, { cause });
  }
}

/** A value is longer than what is ever sealed. */
export class SealTooLongError extends ComposerError {
  constructor(table: string, field: string, limit: number) {
    super('COMPOSER_SEAL_TOO_LONG', `the value for ${table}.${field} is longer than ${limit} bytes; shorten it`, {
      status: 422,
    });
  }
}

/** A record was sealed with a key that the key ring no longer holds. */
export class KeyMissingError extends ComposerError {
  constructor(keyIds: readonly string[]) {
    super(
      'COMPOSER_KEY_MISSING',
      `the database is sealed with ${names(keyIds)}, which COMPOSER_KEYS does not hold; put the key back, after the first one`,
    );
  }
}

/** A key of the ring has the id, but not the bytes, of the one that sealed the database. */
export class KeyWrongError extends ComposerError {
  constructor(keyId: string, cause?: unknown) {
    super(
      'COMPOSER_KEY_WRONG',
      `key "${keyId}" is not the one that sealed this database; restore the right bytes in COMPOSER_KEYS, or give a new key a new id`,
      { cause },
    );
  }
}

/** A key was dropped by a rotation, and this process would still wrap with it. */
export class KeyDroppedError extends ComposerError {
  constructor(keyId: string) {
    super(
      'COMPOSER_KEY_DROPPED',
      `key "${keyId}" was dropped and wraps nothing any more; give this process the key ring of the others`,
      { status: 503 },
    );
  }
}

/** A key that is still needed was to be dropped. */
export class KeyInUseError extends ComposerError {
  constructor(keyId: string, why: string) {
    super('COMPOSER_KEY_IN_USE', `key "${keyId}" cannot be dropped: ${why}`, { status: 409 });
  }
}

/** A key was named that the key ring does not hold. */
export class RingKeyUnknownError extends ComposerError {
  constructor(keyId: string, known: readonly string[]) {
    super('COMPOSER_RING_KEY_UNKNOWN', `the key ring holds no key "${keyId}"; known: ${names(known)}`, { status: 404 });
  }
}

/** Processes that serve lack the key that everything is to be wrapped with. Nothing is lost, and nothing was re-wrapped. */
export class KeyNotEverywhereError extends ComposerError {
  constructor(keyId: string, processes: readonly string[]) {
    super(
      'COMPOSER_KEY_NOT_EVERYWHERE',
      `key "${keyId}" does not seal yet on ${processes.join(', ')}; give them the same key ring, restart them if it is ` +
        'not in a file that they read, and rotate again',
      { status: 409, retryable: true },
    );
  }
}

/** A rotation came to its end with keys that are still wrapped by others than the first one. */
export class KeysLeftError extends ComposerError {
  constructor(left: Readonly<Record<string, number>>) {
    const told = Object.entries(left).map(([id, count]) => `${count} by "${id}"`);
    super(
      'COMPOSER_KEYS_LEFT',
      `some keys are still wrapped by others than the first one: ${told.join(', ')}; keep those, and see the log for what did not open`,
      { status: 409 },
    );
  }
}

/** One more key was to be added before the rotation to the last one was brought to its end. */
export class RotationUnfinishedError extends ComposerError {
  constructor(keyId: string, former: readonly string[]) {
    super(
      'COMPOSER_KEY_ROTATION_UNFINISHED',
      `the key ring holds ${names(former)} behind "${keyId}"; the composer that runs re-wraps with "${keyId}", see its log; ` +
        'then stop it and drop the others with `composer keys rotate --drop <id>`',
      { status: 409 },
    );
  }
}

/** A document is not in the state any more that a change was made for. */
export class DocumentConflictError extends ComposerError {
  constructor(cause?: unknown) {
    super('COMPOSER_DOCUMENT_CONFLICT', 'the stored state was changed by somebody else meanwhile; read it again', {
      status: 409,
      retryable: true,
      cause,
    });
  }
}

/** A document is larger than any that is stored. */
export class DocumentTooLargeError extends ComposerError {
  constructor(limit: number) {
    super('COMPOSER_DOCUMENT_TOO_LARGE', `what is to be stored is larger than ${limit} bytes; make it smaller`, {
      status: 413,
    });
  }
}

/** The key ring in a file cannot be used. */
export class KeyFileError extends ComposerError {
  constructor(file: string, reason: string, cause?: unknown) {
    super('COMPOSER_KEY_FILE_UNUSABLE', `the key file ${file} cannot be used: ${reason}`, { cause });
  }
}

const silence = (seconds: number | undefined): string =>
  seconds === undefined ? '' : ` and has answered nothing for ${Math.round(seconds)} s`;

const names = (ids: readonly string[]): string => ids.map((id) => `"${id}"`).join(', ');
