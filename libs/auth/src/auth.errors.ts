import { ComposerError, type ServerId } from '#kernel';

/** Thrown where an unchecked block is used. Registration reports the same as a fault. */
export class UnknownStrategyError extends ComposerError {
  constructor(name: string, known: Iterable<string>) {
    super('COMPOSER_AUTH_UNKNOWN_STRATEGY', unknownStrategy(name, known), { status: 422 });
  }
}

export function unknownStrategy(name: string, known: Iterable<string>): string {
  return `no auth strategy "${name.slice(0, 64)}"; known: ${[...known].sort().join(', ')}`;
}

/** Thrown where every principal has a credential of its own, and nobody is named: the composer itself has none. */
export class PrincipalMissingError extends ComposerError {
  constructor(serverId: ServerId) {
    super(
      'COMPOSER_PRINCIPAL_MISSING',
      `every user connects this server for themselves, and nobody is named here: call it as a user, who connects it at /connect/${serverId}`,
      { status: 401 },
    );
  }
}

/** A person has to connect the server before there is a credential for it. */
export class ConsentRequiredError extends ComposerError {
  constructor(
    readonly serverId: ServerId,
    /** The page where that is done; holds no secret. */
    readonly url: string,
    cause?: unknown,
  ) {
    super('COMPOSER_CONSENT_REQUIRED', `server "${serverId}" has to be connected first: open ${url}`, {
      status: 401,
      cause,
    });
  }
}

/** There is a credential, and the member wants one that reaches further (RFC 6750, 3.1): a person has to agree to that. */
export class WiderConsentRequiredError extends ConsentRequiredError {}

/** The consent that was under way leads to nothing. It can be begun again. */
export class ConsentRefusedError extends ComposerError {
  constructor(reason: string, cause?: unknown) {
    super('COMPOSER_CONSENT_REFUSED', `the server could not be connected: ${reason}`, { status: 400, cause });
  }
}

/** What an authorization server, or the member that leads to it, says about itself does not hold together. */
export class IssuerUntrustedError extends ComposerError {
  constructor(reason: string, cause?: unknown) {
    super('COMPOSER_ISSUER_UNTRUSTED', `the authorization server is not used: ${reason}`, { status: 502, cause });
  }
}
