import type { AnswerSign } from './credential-use.js';

const MOST_CHALLENGE = 8_192;
/** One challenge of a list (RFC 9110, 11.6.1), its parameters quoted or not. */
const NONCE_CHALLENGE = /(^|,\s*)dpop\s(?:[^"]|"[^"]*")*?\berror\s*=\s*"?use_dpop_nonce\b/i;

/** The credential was not looked at: its proof has to hold the nonce that came with the answer (RFC 9449, 9). */
export function wantsNonce({ status, challenge }: AnswerSign): boolean {
  return status === 401 && challenge !== undefined && NONCE_CHALLENGE.test(challenge.slice(0, MOST_CHALLENGE));
}
