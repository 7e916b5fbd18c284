import type { LocalTool } from '#registry';
import { isLikelyCredentialName, isTokenName } from './credential-names.js';
import { readBody } from './curl-body.js';
import { type AuthOfCurl, basicOf, readHeaders } from './curl-headers.js';
import { type CurlOption, optionsOf, valuesOf } from './curl-options.js';
import { requireProtocol } from './curl-protocols.js';
import { type QueryPair, readQuery } from './curl-query.js';
import { type CurlUrl, readUrl } from './curl-url.js';
import { wordsOf } from './curl-words.js';
import { CurlRefusedError } from './curl.errors.js';

/** What a curl command says, as parts of the configuration of a local server. */
export interface CurlConfig extends AuthOfCurl {
  readonly endpoint: string;
  readonly request: Pick<LocalTool, 'method' | 'path' | 'headers' | 'body'>;
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly timeout?: number;
  /** What is done otherwise than curl would. */
  readonly notes: readonly string[];
}

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const LONGEST_SECONDS = 300;

/**
 * Reads a curl command. Credentials come out as such, and in nothing else.
 *
 * @throws CurlRefusedError naming what cannot be done; it repeats no value
 */
export function curlConfig(command: string): CurlConfig {
  const { options, urls, ignored } = optionsOf(wordsOf(command));
  const has = (name: string) => options.some((option) => option.name === name);
  const all = [...urls, ...valuesOf(options, 'url')];
  if (all.length !== 1) throw new CurlRefusedError(`it names ${all.length} URLs, and a tool has one`);
  const url = readUrl(all[0]!, has('globoff'));
  requireProtocol(url.origin, valuesOf(options, 'proto').at(-1));
  const headers = readHeaders(options);
  const { body, query: added, isJson, notes } = readBody(options, headers.contentType);
  const query = readQuery([...url.query.split('&'), ...added.flatMap((pairs) => pairs.split('&'))]);
  const sure = oneOf([...credentialsIn(url, options), ...headers.credentials, ...query.sure]);
  const likely: LikelyCredential = sure ? { credential: sure } : likelyOf(Object.entries(headers.sealed), query.likely);
  const pairs = query.open.filter((one) => one !== likely.pair).join('&');
  const sealed = Object.entries(headers.sealed).filter(([name]) => name !== likely.header);
  const open = isJson ? { accept: 'application/json', ...headers.open } : headers.open;
  return {
    endpoint: url.origin,
    request: {
      method: methodOf(options, body !== undefined),
      path: url.path + (pairs && `?${pairs}`),
      headers: open,
      ...(body ? { body } : {}),
    },
    headers: Object.fromEntries(sealed),
    ...(likely.credential ?? { auth_strategy: 'none', auth: {} }),
    ...timeoutOf(valuesOf(options, 'max-time').at(-1)),
    notes: [
      ...(url.hasFragment ? ['the fragment of the URL is never sent'] : []),
      ...(ignored.length > 0 ? [`without effect on a tool: ${ignored.join(', ')}`] : []),
      ...headers.notes,
      ...notes,
    ],
  };
}

function methodOf(options: readonly CurlOption[], hasBody: boolean): LocalTool['method'] {
  const named = valuesOf(options, 'request').at(-1)?.toUpperCase();
  if (named !== undefined && !METHODS.includes(named)) {
    throw new CurlRefusedError(`--request: the method must be one of ${METHODS.join(', ')}`);
  }
  const isHead = options.some(({ name }) => name === 'head');
  return (named ?? (isHead ? 'HEAD' : hasBody ? 'POST' : 'GET')) as LocalTool['method'];
}

function credentialsIn(url: CurlUrl, options: readonly CurlOption[]): readonly AuthOfCurl[] {
  const basic = [...valuesOf(options, 'user'), ...(url.userInfo === undefined ? [] : [url.userInfo])].map(basicOf);
  const tokens = valuesOf(options, 'oauth2-bearer').map((token) => ({ auth_strategy: 'bearer', auth: { token } }));
  if (tokens.some(({ auth }) => auth.token.includes('{{'))) {
    throw new CurlRefusedError('a parameter stands in its token; write the token, and it is sealed');
  }
  return [...basic, ...tokens];
}

interface LikelyCredential {
  readonly credential?: AuthOfCurl;
  /** The header that it was. */
  readonly header?: string;
  /** The pair of the query that it was. */
  readonly pair?: string;
}

/** What is the credential where nothing surely is. Headers that are not taken are sealed all the same. */
function likelyOf(
  headers: readonly (readonly [name: string, value: string])[],
  pairs: readonly QueryPair[],
): LikelyCredential {
  const only = pairs.length === 1 ? pairs[0] : undefined;
  const named = headers.filter(([name, value]) => value !== '' && isLikelyCredentialName(name));
  const header = named.find(([name]) => isTokenName(name)) ?? (only ? undefined : named[0]);
  if (!header) return only ?? {};
  const [name, apikey] = header;
  return { credential: { auth_strategy: 'apikey', auth: { apikey, name } }, header: name };
}

function oneOf([first, ...more]: readonly AuthOfCurl[]): AuthOfCurl | undefined {
  if (more.length > 0)
    throw new CurlRefusedError('it names more than one credential (-u, Authorization, a key); a tool has one');
  return first;
}

function timeoutOf(text: string | undefined): { readonly timeout?: number } {
  if (text === undefined) return {};
  const seconds = Math.ceil(Number(text));
  if (!(seconds >= 1 && seconds <= LONGEST_SECONDS)) {
    throw new CurlRefusedError(`--max-time must be a number of seconds, ${LONGEST_SECONDS} at most`);
  }
  return { timeout: seconds };
}
