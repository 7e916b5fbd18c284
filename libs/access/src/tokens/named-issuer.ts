import { decodeJwt } from 'jose';

const MAX_LENGTH = 2_048;
/** Nothing that a log, a database or a comparison could take for something else. */
const PLAIN = /^[^\p{C}]+$/u;

/**
 * The issuer that a token names, before anything of it is verified: it only tells whom to ask. Undefined for what names
 * none, or names it in a way that no issuer is spelled.
 */
export function namedIssuer(token: string): string | undefined {
  try {
    const issuer: unknown = decodeJwt(token).iss;
    return typeof issuer === 'string' && issuer.length <= MAX_LENGTH && PLAIN.test(issuer) ? issuer : undefined;
  } catch {
    return undefined;
  }
}
