import { CurlRefusedError } from './curl.errors.js';

const CALLED = ['http', 'https'];

/**
 * Keeps what `--proto` says of the scheme of the URL: whoever allows https alone wants no credential sent in the clear.
 *
 * @param said as curl reads it: protocols between commas, `=` before one for it alone, `-` for all but it
 * @throws CurlRefusedError
 */
export function requireProtocol(origin: string, said: string | undefined): void {
  let allowed = new Set(CALLED);
  for (const [, signs = '', name = ''] of (said ?? '').toLowerCase().matchAll(/(?:^|,)([-+=]*)([^,]*)/g)) {
    const sign = signs.at(-1);
    const named = CALLED.filter((protocol) => name === 'all' || name === protocol);
    if (sign === '=') allowed = new Set(named);
    else if (sign === '-') for (const protocol of named) allowed.delete(protocol);
    else for (const protocol of named) allowed.add(protocol);
  }
  const scheme = origin.slice(0, origin.indexOf(':'));
  if (!allowed.has(scheme)) throw new CurlRefusedError(`its --proto does not allow the ${scheme} of its URL`);
}
