import { ComposerError } from '#kernel';

/** The members of a tenant could not be loaded, most likely because the database is away. */
export class NotLoadedError extends ComposerError {
  constructor(cause: unknown) {
    super('COMPOSER_NOT_LOADED', 'the servers of this tenant could not be loaded; try again', {
      status: 503,
      retryable: true,
      cause,
    });
  }
}

/** To read it would hold everybody else up. */
export class ExcessiveBodyError extends ComposerError {
  /** @param excess as `jsonExcess` tells it */
  constructor(excess: string) {
    super('COMPOSER_BODY_EXCESSIVE', `the body ${excess}; a document that is meant so is named by its spec_url`, {
      status: 413,
    });
  }
}

/** The address cannot be listened on: taken, not of this machine, or not for this user. */
export class ListenError extends ComposerError {
  constructor(host: string, port: number, cause: unknown) {
    super('COMPOSER_LISTEN_FAILED', listenFault(host, port, (cause as NodeJS.ErrnoException).code ?? String(cause)), {
      cause,
    });
  }
}

function listenFault(host: string, port: number, code: string): string {
  if (code === 'EADDRINUSE') {
    return `port ${port} on ${host} is taken; stop what listens there, or set PORT to another one`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `${host} is not an address of this machine; set HOST to one that is, 127.0.0.1 for instance`;
  }
  if (code === 'EACCES') return `port ${port} needs rights that this user does not have; set PORT to 1024 or more`;
  return `${host}:${port} cannot be listened on (${code}); set HOST and PORT to something else`;
}
