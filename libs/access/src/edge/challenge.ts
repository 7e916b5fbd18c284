/** RFC 6750, 3.1. Absent: no credential was sent, so there is nothing wrong with it. */
export type ChallengeError = 'invalid_request' | 'invalid_token' | 'insufficient_scope';

export interface ChallengeParts {
  /** Where the metadata of the resource is (RFC 9728, 5.1). */
  readonly resourceMetadata: string;
  /** All that the request needs. */
  readonly scopes: readonly string[];
  readonly error?: ChallengeError;
  readonly description?: string;
}

/** What RFC 6750, 3, lets stand in a description: printable ASCII without `"` and `\`. A URL and a scope hold no more. */
const UNQUOTABLE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

/** The value of `WWW-Authenticate`. Whatever it is made of, it stays one header with these parameters. */
export function bearerChallenge({ resourceMetadata, scopes, error, description }: ChallengeParts): string {
  const parameters: readonly (readonly [string, string | undefined])[] = [
    ['error', error],
    ['error_description', error && description],
    ['resource_metadata', resourceMetadata],
    ['scope', scopes.join(' ')],
  ];
  const told = parameters.flatMap(([name, value]) => (value ? [`${name}="${value.replace(UNQUOTABLE, '')}"`] : []));
  return `Bearer ${told.join(', ')}`;
}
