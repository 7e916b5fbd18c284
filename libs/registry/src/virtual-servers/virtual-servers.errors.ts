import { ComposerError, type Fault } from '#kernel';

/** One that is not there, is another tenant's, or is not for the caller: all look alike. */
export class UnknownVirtualServerError extends ComposerError {
  constructor() {
    super('COMPOSER_VIRTUAL_SERVER_UNKNOWN', 'there is no such virtual server in this tenant', { status: 404 });
  }
}

/** Somebody else changed it between reading and writing. */
export class VirtualServerConflictError extends ComposerError {
  constructor(slug: string) {
    super(
      'COMPOSER_VIRTUAL_SERVER_CONFLICT',
      `virtual server "${slug}" was changed meanwhile; read it again and repeat the change`,
      { status: 409, retryable: true },
    );
  }
}

/** A description that is refused, with every fault by path. Nothing was changed. */
export class InvalidVirtualServerError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => (path ? `${path} ${message}` : message)).join('; ');
    super('COMPOSER_VIRTUAL_SERVER_INVALID', `the virtual server is refused: ${list}`, { status: 422, faults });
  }
}

/** A member's id is the slug of that member alone. */
export class SlugTakenError extends ComposerError {
  constructor(slug: string) {
    super('COMPOSER_VIRTUAL_SERVER_SLUG_TAKEN', `"${slug}" is the id of a server; choose another slug`, {
      status: 409,
    });
  }
}

export class TooManyVirtualServersError extends ComposerError {
  constructor(limit: number) {
    super('COMPOSER_VIRTUAL_SERVER_LIMIT', `this tenant has ${limit} virtual servers, which is the limit`, {
      status: 409,
    });
  }
}
