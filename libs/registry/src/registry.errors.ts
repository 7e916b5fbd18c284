import { ComposerError, type Fault, type ServerId } from '#kernel';

/** A foreign id and an unknown id look alike, so the text does not even repeat the id. */
export class UnknownServerError extends ComposerError {
  constructor() {
    super('COMPOSER_SERVER_UNKNOWN', 'there is no such server in this tenant', { status: 404 });
  }
}

export class DuplicateServerError extends ComposerError {
  constructor(id: ServerId) {
    super('COMPOSER_SERVER_EXISTS', `server "${id}" exists already; replace it with PUT, or delete it first`, {
      status: 409,
    });
  }
}

/** Somebody else changed the server between reading and writing. */
export class ServerConflictError extends ComposerError {
  constructor(id: ServerId) {
    super('COMPOSER_SERVER_CONFLICT', `server "${id}" was changed meanwhile; read it again and repeat the change`, {
      status: 409,
      retryable: true,
    });
  }
}

/** A configuration that is refused, with every fault by path. Nothing was changed. */
export class InvalidServerConfigError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; ');
    super('COMPOSER_SERVER_CONFIG_INVALID', `the configuration is refused: ${list}`, { status: 422, faults });
  }
}

/** A working member is not replaced by one that does not work. */
export class MemberProbeError extends ComposerError {
  constructor(id: ServerId, reason: string) {
    super(
      'COMPOSER_MEMBER_PROBE_FAILED',
      `the new configuration of "${id}" was tried and does not work (${reason}); the old one goes on serving`,
      { status: 422 },
    );
  }
}

/** The member limit of a tenant protects everybody else's memory. */
export class TooManyServersError extends ComposerError {
  constructor(limit: number) {
    super('COMPOSER_SERVER_LIMIT', `this tenant has ${limit} servers, which is the limit; delete one first`, {
      status: 409,
    });
  }
}

/** The version was never there, or is older than the ones that are kept. */
export class UnknownVersionError extends ComposerError {
  constructor() {
    super(
      'COMPOSER_SERVER_VERSION_UNKNOWN',
      'this server has no such version; GET …/versions lists those that are kept',
      {
        status: 404,
      },
    );
  }
}

/** One change of a server runs at a time, and only so many may wait for it. */
export class TooManyChangesError extends ComposerError {
  constructor() {
    super('COMPOSER_SERVER_BUSY', 'too many changes of this server are waiting; try again in a moment', {
      status: 429,
      retryable: true,
    });
  }
}
