import { ComposerError } from '#kernel';
import { ClientRefusedError, GrantRefusedError, IssuerUnavailableError } from '#token-store';

/** The last answer of an issuer, as far as it tells what went wrong. */
export interface IssuerAnswer {
  readonly status: number;
  /** RFC 6749, 5.2: only where it is one of the words that an OAuth error is made of. */
  readonly error?: string;
  /** In seconds. */
  readonly retryAfter?: number;
  /** RFC 9449, 8: what the next proof has to hold. */
  readonly nonce?: string;
}

const CLIENT_REFUSED: ReadonlySet<string> = new Set([
  ...['invalid_client', 'unauthorized_client', 'unsupported_grant_type', 'invalid_scope', 'invalid_request'],
  // RFC 8707 and RFC 8693, 2.2.2: the resource or audience that the settings ask for.
  'invalid_target',
]);
/** What GitHub says in place of the standard's words, with status 200. */
const DIALECT: Readonly<Record<string, string>> = {
  bad_refresh_token: 'invalid_grant',
  bad_verification_code: 'invalid_grant',
  incorrect_client_credentials: 'invalid_client',
};
const CLASSES = [GrantRefusedError, ClientRefusedError, IssuerUnavailableError];
const MAX_CAUSES = 5;
const MAX_WAIT_S = 3_600;

/**
 * What a failed request at a token endpoint means for the credential. Only the issuer's own word in an answer below 500
 * ends a grant or blames the settings; whatever else happens, everything is kept and tried again.
 *
 * @param hasGrant whether `invalid_grant` speaks of what a person has given; else it speaks of the settings, or of a
 * clock (RFC 7523, 3.1), and may pass
 */
export function tokenFailure(
  error: unknown,
  answer: IssuerAnswer | undefined,
  { hasGrant }: { readonly hasGrant: boolean },
): ComposerError {
  const known = knownIn(error);
  if (known) return known;
  const { status = 0, error: own, retryAfter } = answer ?? {};
  const word = own === undefined ? undefined : (DIALECT[own] ?? own);
  const isVerdict = status === 200 || (status >= 400 && status < 500 && status !== 408 && status !== 429);
  if (isVerdict && word === 'invalid_grant') {
    return hasGrant ? new GrantRefusedError(word) : new ClientRefusedError(word);
  }
  if (isVerdict && word !== undefined && CLIENT_REFUSED.has(word)) return new ClientRefusedError(word);
  // RFC 6749, 5.2: the status of a client that is not known. Of the others a proxy in front may be the author.
  if (status === 401 && word === undefined) return new ClientRefusedError('http_401');
  return new IssuerUnavailableError(reasonOf(error, answer), {
    ...(retryAfter === undefined ? {} : { retryAfter }),
    // No other cause: libraries put answers into their errors, and these hold tokens.
    ...(error instanceof ComposerError ? { cause: error } : {}),
  });
}

/** One that is classified already: libraries wrap what their way out throws. */
function knownIn(error: unknown): ComposerError | undefined {
  let cause = error;
  for (let depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth++, cause = cause.cause) {
    if (CLASSES.some((kind) => cause instanceof kind)) return cause as ComposerError;
  }
  return undefined;
}

function reasonOf(error: unknown, answer: IssuerAnswer | undefined): string {
  if (error instanceof ComposerError) return error.code;
  if (!answer) return 'no_answer';
  const { status, error: word } = answer;
  if (status >= 300 && (status >= 500 || word === undefined)) return `http_${status}`;
  return word ?? 'no_token';
}

/** RFC 9110, 10.2.3: seconds or a date. Bounded, so that a clock that is wrong does not end a credential. */
export function retryAfterOf(text: string | null, now: number): number | undefined {
  if (text === null) return undefined;
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1_000;
  return Number.isFinite(seconds) ? Math.min(Math.max(Math.ceil(seconds), 0), MAX_WAIT_S) : undefined;
}
