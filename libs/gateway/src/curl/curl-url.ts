import { parseUrl } from '#kernel';
import { CurlRefusedError } from './curl.errors.js';

/** The address of a curl command, taken apart before anything is put into it. */
export interface CurlUrl {
  readonly origin: string;
  readonly path: string;
  /** `name=value` pairs as they were written, without `?`. */
  readonly query: string;
  /** `user:password`, decoded, where the address holds them. */
  readonly userInfo?: string;
  readonly hasFragment: boolean;
}

/**
 * Takes the address apart. Scheme, host and port are fixed: no parameter may stand in them.
 *
 * @param isGlobOff brackets and single braces mean themselves
 * @throws CurlRefusedError
 */
export function readUrl(text: string, isGlobOff: boolean): CurlUrl {
  const [, scheme = '', authority = '', path = '', query = '', fragment] =
    /^(https?):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/is.exec(text) ?? [];
  if (!scheme)
    throw new CurlRefusedError('its URL must begin with http:// or https:// and a host, which no parameter can be');
  if (authority.includes('{'))
    throw new CurlRefusedError('a parameter stands in the host of its URL; only path and query may have some');
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  const isPlain = !authority.includes('\\') && /^[\p{L}\p{N}.\-_:[\]]+$/u.test(host);
  const url = isPlain ? parseUrl(`${scheme}://${host}/`) : undefined;
  if (!url) throw new CurlRefusedError('the host of its URL cannot be read');
  const plain = `${path}?${query}`.replaceAll(/\{\{[^{}]*\}\}/g, '');
  if (!isGlobOff && /[[\]{}]/.test(plain)) {
    throw new CurlRefusedError(
      'its URL holds brackets or braces, which are ranges to curl; encode them, or add --globoff',
    );
  }
  return {
    origin: url.origin,
    path: path || '/',
    query,
    ...(at >= 0 ? { userInfo: decoded(authority.slice(0, at)) } : {}),
    hasFragment: fragment !== undefined,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
