import { isCredentialName, isLikelyCredentialName } from './credential-names.js';
import type { CurlOption } from './curl-options.js';
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
  for (const [name, value] of options.flatMap(headerOf)) {
    const hasParameter = HAS_PARAMETER.test(value);
    if (name === 'content-type') {
      if (hasParameter) throw new CurlRefusedError('its Content-Type holds a parameter');
      contentType = value;
    } else if (name === 'accept') open['accept'] = value;
    else if (BY_ITSELF.test(name)) notes.push(`the header ${name} is set by itself`);
    else if (hasParameter) open[name] = withoutCredential(name, value);
    else if (name === 'authorization') credentials.push(authorizationOf(value));
    else if (isLikelyCredentialName(name) && credentials.length === 0) {
      credentials.push({ auth_strategy: 'apikey', auth: { apikey: value, name } });
    } else sealed[name] = name === 'cookie' && sealed[name] ? `${sealed[name]}; ${value}` : value;
  }
  return { open, sealed, credentials, notes, ...(contentType === undefined ? {} : { contentType }) };
}

/** `-H`, and the options that are short for one. None for what only takes a header of curl's own away. */
function headerOf({ name: option, value }: CurlOption): readonly (readonly [string, string])[] {
  if (option === 'user-agent') return [['user-agent', value]];
  if (option === 'referer') return [['referer', value.replace(/;auto$/, '')]];
  if (option === 'cookie') {
    if (!value.includes('=')) throw new CurlRefusedError('--cookie names a file; write name=value');
    return [['cookie', value]];
  }
  if (option !== 'header') return [];
  if (value.startsWith('@'))
    throw new CurlRefusedError('--header with "@" reads a file of this computer; write the header');
  const [, name = '', sign = '', text = ''] = /^([^:;]*)([:;])(.*)$/s.exec(value) ?? [];
  if (!TOKEN.test(name)) throw new CurlRefusedError('one of its headers has no name that a header can have');
  if (/^host$/i.test(name)) throw new CurlRefusedError('it sets the header Host; the URL says which host is called');
  if (sign === ':' && text.trim() === '') return [];
  return [[name.toLowerCase(), sign === ';' ? '' : text.trim()]];
}

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

/** `user:password`, as curl takes it. */
export function basicOf(text: string): AuthOfCurl {
  const colon = text.indexOf(':');
  if (colon < 1) throw new CurlRefusedError('its credentials must be user:password');
  if (HAS_PARAMETER.test(text))
    throw new CurlRefusedError('a parameter stands in its credentials; write them, and they are sealed');
  return { auth_strategy: 'basic', auth: { username: text.slice(0, colon), password: text.slice(colon + 1) } };
}
