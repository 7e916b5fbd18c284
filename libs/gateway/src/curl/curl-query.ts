import { credentialIn } from './body-credentials.js';
import { isCredentialName, isLikelyCredentialName, isSurelyCredential } from './credential-names.js';
import type { AuthOfCurl } from './curl-headers.js';
import { CurlRefusedError } from './curl.errors.js';
import { decodedText } from './decoded-text.js';

/** A pair of a query, and the credential that it is if nothing else is one. */
export interface QueryPair {
  readonly pair: string;
  readonly credential: AuthOfCurl;
}

export interface CurlQuery {
  /** Pairs that can be read, with those that are only likely to be credentials. */
  readonly open: readonly string[];
  readonly sure: readonly AuthOfCurl[];
  readonly likely: readonly QueryPair[];
}

/**
 * The query of a curl command, sorted by who may read it: a key in it is a credential too.
 *
 * @param all `name=value` pairs as they were written
 * @throws CurlRefusedError where a credential would be a parameter, or could not be sealed
 */
export function readQuery(all: readonly string[]): CurlQuery {
  const open: string[] = [];
  const sure: AuthOfCurl[] = [];
  const likely: QueryPair[] = [];
  for (const pair of all.filter((one) => one !== '')) {
    const [, written = pair, value = ''] = /^([^=]*)=(.*)$/s.exec(pair) ?? [];
    const name = decodedText(written);
    const hasParameter = value.includes('{{');
    if (hasParameter && isCredentialName(name)) {
      throw new CurlRefusedError(
        `a parameter is the credential "${name}" of its query; write the credential, and it is sealed`,
      );
    }
    const apikey = decodedText(value);
    const within = credentialIn(apikey);
    if (within !== undefined) {
      throw new CurlRefusedError(
        `"${within.slice(0, 64)}" in a value of its query looks like a credential, which could not be sealed there`,
      );
    }
    const isLikely = !hasParameter && value !== '' && isLikelyCredentialName(name);
    const credential: AuthOfCurl = { auth_strategy: 'apikey', auth: { apikey, in: 'query', name } };
    if (isLikely && isSurelyCredential(name, apikey)) sure.push(credential);
    else {
      open.push(pair);
      if (isLikely) likely.push({ pair, credential });
    }
  }
  if (sure.length > 1) throw new CurlRefusedError('its query holds more than one credential');
  return { open, sure, likely };
}
