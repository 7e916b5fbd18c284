import type { IncomingHttpHeaders } from 'node:http';
import { MalformedCredentialError } from '../access.errors.js';
import { presentedSession } from './presented-session.js';

/** RFC 6750, 2.1: the scheme, blanks, and a token of these characters. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
const MAX_LENGTH = 8192;
const KEY_PREFIX = 'mcpc_';

/**
 * The one credential that a request presents, from `Authorization: Bearer` or, for a key, from `X-API-Key`; without
 * either, the session of a browser. Nothing else of a request is looked at: in particular not its address (RFC 6750, 2.3).
 *
 * @returns undefined if there is none
 * @throws MalformedCredentialError
 */
export function presentedCredential(headers: IncomingHttpHeaders): string | undefined {
  const { authorization, 'x-api-key': key } = headers;
  if (authorization === undefined && key === undefined) return presentedSession(headers);
  const bearer = authorization === undefined ? undefined : bearerOf(authorization);
  if (key === undefined) return bearer;
  if (typeof key !== 'string' || key === '' || key.length > MAX_LENGTH) {
    throw new MalformedCredentialError('X-API-Key must hold one key');
  }
  if (bearer !== undefined && bearer !== key) {
    throw new MalformedCredentialError('Authorization and X-API-Key hold different credentials; send one of them');
  }
  // Tokens are presented in Authorization alone.
  return key.startsWith(KEY_PREFIX) ? key : bearer;
}

/** Other schemes are none of ours, and so no credential. */
function bearerOf(header: string): string | undefined {
  if (!/^bearer(\s|$)/i.test(header)) return undefined;
  const [, token] = BEARER.exec(header) ?? [];
  if (token === undefined || token.length > MAX_LENGTH) {
    throw new MalformedCredentialError('Authorization must hold the word Bearer and one token');
  }
  return token;
}
