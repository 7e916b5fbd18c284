import { isToolHeader } from '#registry';
import { isCredentialName } from './credential-names.js';
import { type CurlOption, valuesOf } from './curl-options.js';
import { CurlRefusedError } from './curl.errors.js';

/** How a member authenticates, as configurations say it. */
export interface AuthOfCurl {
  readonly auth_strategy: string;
  readonly auth: Readonly<Record<string, string>>;
}

export interface CurlHeaders {
  /** Can be read by whoever may see the server. */
  readonly open: Readonly<Record<string, string>>;
  /** Everything that no parameter stands in: nobody knows which header is a secret. */
  readonly sealed: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly credentials: readonly AuthOfCurl[];
  readonly notes: readonly string[];
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What the composer sets by itself, and curl's users set to no avail. */
const BY_ITSELF =
  /^(content-length|connection|keep-alive|accept-encoding|transfer-encoding|te|trailer|expect|upgrade)$/;
const HAS_PARAMETER = /\{\{/;
/** What services want in the place of a password where the user is a key: nothing, or one of these words. */
const NO_PASSWORD =
  /^(|[-_.*0]|x+|x-oauth-basic|api[-_]?(key|token)|token|blank|none|null|unused|any(thing)?|nopass(word)?|ignored?|dummy)$/i;
/** Nobody is called so; addresses and paths (`me@a.example/token`) are not among it. */
const KEY = /^(?=.*\d)(?=.*[a-z])[\w-]{20,}$/i;

/**
 * The headers of a curl command, sorted by who may read them.
 *
 * @throws CurlRefusedError where a credential would be a parameter, or a header would steer the connection
 */
export function readHeaders(options: readonly CurlOption[]): CurlHeaders {
  const open: Record<string, string> = {};
  const sealed: Record<string, string> = {};
  const credentials: AuthOfCurl[] = [];
  const notes: string[] = [];
  let contentType: string | undefined;
  for (const [name, value] of headersOf(options)) {
    const hasParameter = HAS_PARAMETER.test(value);
    if (name === 'content-type') {
      if (hasParameter) throw new CurlRefusedError('its Content-Type holds a parameter');
      contentType = value;
    } else if (BY_ITSELF.test(name)) notes.push(`the header ${name} is set by itself`);
    else if (!isToolHeader(name)) throw ofConnection(name);
    else if (name === 'accept') open['accept'] = value;
    else if (hasParameter) open[name] = withoutCredential(name, value);
    else if (name === 'authorization') credentials.push(authorizationOf(value));
    else sealed[name] = value;
  }
  return { open, sealed, credentials, notes, ...(contentType === undefined ? {} : { contentType }) };
}

type Header = readonly [name: string, value: string];

/** `-H`, and of the options that are short for one those that no `-H` replaces. Each name stands in it once. */
function headersOf(options: readonly CurlOption[]): readonly Header[] {
  const written = valuesOf(options, 'header').map(headerOf);
  const named = new Set(written.map(([name]) => name));
  const headers = written.filter((header): header is Header => header[1] !== undefined);
  const twice = headers.find(([name], at) => headers.findIndex((other) => other[0] === name) !== at);
  if (twice) throw new CurlRefusedError(`it has the header "${twice[0]}" more than once, and a tool has each one once`);
  return [...headers, ...shortHeaders(options).filter(([name]) => !named.has(name))];
}

function shortHeaders(options: readonly CurlOption[]): readonly Header[] {
  const agent = valuesOf(options, 'user-agent').at(-1);
  const referer = valuesOf(options, 'referer').at(-1);
  const cookies = valuesOf(options, 'cookie');
  if (cookies.some((value) => !value.includes('='))) {
    throw new CurlRefusedError('--cookie names a file; write name=value');
  }
  return [
    ...(agent ? [['user-agent', agent] as const] : []),
    ...(referer === undefined ? [] : [['referer', referer.replace(/;auto$/, '')] as const]),
    ...(cookies.length > 0 ? [['cookie', cookies.join('; ')] as const] : []),
  ];
}

/** No value where it only takes a header of curl's own away. */
function headerOf(text: string): readonly [name: string, value: string | undefined] {
  if (text.startsWith('@'))
    throw new CurlRefusedError('--header with "@" reads a file of this computer; write the header');
  const [, written = '', sign = '', value = ''] = /^([^:;]*)([:;])(.*)$/s.exec(text) ?? [];
  if (!TOKEN.test(written)) throw new CurlRefusedError('one of its headers has no name that a header can have');
  const name = written.toLowerCase();
  if (name === 'host') throw new CurlRefusedError('it sets the header Host; the URL says which host is called');
  if (sign === ';') return [name, ''];
  return [name, value.trim() === '' ? undefined : value.trim()];
}

const ofConnection = (name: string): CurlRefusedError =>
  new CurlRefusedError(
    `it sets the header "${name.slice(0, 64)}", which says how messages are led and framed and is no tool's to set; leave it out`,
  );

function withoutCredential(name: string, value: string): string {
  if (name === 'authorization' || name === 'cookie' || isCredentialName(name)) {
    throw new CurlRefusedError(
      `a parameter stands in the header "${name}", which carries credentials; write the credential itself, and it is sealed`,
    );
  }
  return value;
}

function authorizationOf(value: string): AuthOfCurl {
  const [, scheme = '', rest = ''] = /^(\S+)\s+(.*)$/s.exec(value) ?? [];
  if (/^bearer$/i.test(scheme)) return { auth_strategy: 'bearer', auth: { token: rest } };
  if (/^basic$/i.test(scheme)) {
    const plain = Buffer.from(rest, 'base64').toString('utf8');
    if (plain.includes(':')) return basicOf(plain);
  }
  if (scheme) return { auth_strategy: 'apitoken', auth: { auth_prefix: scheme, token: rest } };
  return { auth_strategy: 'apikey', auth: { apikey: value, name: 'authorization' } };
}

/**
 * `user:password`, as curl takes it; the user may be empty beside a token. What stands alone, beside a word that is no
 * password, or looks like a key is one, and goes where secrets go: names of users can be read.
 */
export function basicOf(text: string): AuthOfCurl {
  const colon = text.indexOf(':');
  if (colon < 0) throw new CurlRefusedError('its credentials must be user:password');
  if (text === ':') throw new CurlRefusedError('its credentials are empty');
  if (HAS_PARAMETER.test(text))
    throw new CurlRefusedError('a parameter stands in its credentials; write them, and they are sealed');
  const user = text.slice(0, colon);
  const password = text.slice(colon + 1);
  const isKey = user !== '' && (NO_PASSWORD.test(password) || KEY.test(user));
  return { auth_strategy: 'basic', auth: { [isKey ? 'apikey' : 'username']: user, password } };
}
