import { ComposerError } from '#kernel';

/** The issuer does not take the grant any more (RFC 6749, 5.2: `invalid_grant`): a person has to consent again. */
export class GrantRefusedError extends ComposerError {
  constructor(
    readonly reason: string,
    cause?: unknown,
  ) {
    super(
      'COMPOSER_GRANT_REFUSED',
      `the issuer does not take the grant any more (${reason}): connect the server again`,
      {
        status: 502,
        cause,
      },
    );
  }
}

/** The issuer does not take the composer's client, or what the settings ask for. The grant is kept. */
export class ClientRefusedError extends ComposerError {
  constructor(
    readonly reason: string,
    cause?: unknown,
  ) {
    super(
      'COMPOSER_CLIENT_REFUSED',
      `the issuer refuses the composer's client (${reason}): check the settings in "auth"`,
      {
        status: 502,
        cause,
      },
    );
  }
}

/** The issuer is away, overloaded or talks nonsense. What is there is kept, and it is asked again later. */
export class IssuerUnavailableError extends ComposerError {
  constructor(
    readonly reason: string,
    { retryAfter, cause }: { readonly retryAfter?: number; readonly cause?: unknown } = {},
  ) {
    super('COMPOSER_ISSUER_UNAVAILABLE', `no credential could be had from the issuer (${reason})`, {
      status: 502,
      retryable: true,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      cause,
    });
  }
}

/** Renewals of this credential have used up what they may: the member refuses what the issuer gives. */
export class CredentialHeldError extends ComposerError {
  constructor(retryAfter: number) {
    super('COMPOSER_CREDENTIAL_HELD', 'the member refuses every new credential; it is not renewed again for now', {
      status: 502,
      retryable: true,
      retryAfter,
    });
  }
}

/** A tenant has as many consents under way as it may. */
export class TooManyConsentsError extends ComposerError {
  constructor() {
    super('COMPOSER_TOO_MANY_CONSENTS', 'too many consents are under way; finish one, or try again in ten minutes', {
      status: 429,
      retryable: true,
      retryAfter: 600,
    });
  }
}

/** Others have changed the same credential again and again meanwhile. */
export class CredentialsBusyError extends ComposerError {
  constructor() {
    super('COMPOSER_CREDENTIALS_BUSY', 'others change this credential at the moment; try again', {
      status: 503,
      retryable: true,
      retryAfter: 1,
    });
  }
}
