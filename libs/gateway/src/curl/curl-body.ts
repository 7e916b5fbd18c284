import type { LocalTool } from '#registry';
import { piecesOf } from '#registry';
import { credentialIn, isCredential } from './body-credentials.js';
import type { CurlOption } from './curl-options.js';
import { type CurlPart, readPart } from './curl-part.js';
import { CurlRefusedError } from './curl.errors.js';

type Body = NonNullable<LocalTool['body']>;

const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';
const DATA = /^(data(-ascii|-raw|-binary|-urlencode)?|json)$/;
const PARTS = /^form(-string)?$/;

export interface CurlBody {
  readonly body?: Body;
  /** What `--get` and `--url-query` add to the query. */
  readonly query: readonly string[];
  readonly isJson: boolean;
  readonly notes: readonly string[];
}

/**
 * What a curl command sends, or adds to its query.
 *
 * @param contentType as one of its headers says it
 * @throws CurlRefusedError where it reads a file, or holds a credential that could not be sealed
 */
export function readBody(options: readonly CurlOption[], contentType: string | undefined): CurlBody {
  const data = options.filter(({ name }) => DATA.test(name));
  const parts = options.filter(({ name }) => PARTS.test(name));
  const isGet = options.some(({ name }) => name === 'get');
  const isJson = data.some(({ name }) => name === 'json');
  const added = options.filter(({ name }) => name === 'url-query').map(({ value }) => inQuery(value));
  if (data.length > 0 && parts.length > 0) throw new CurlRefusedError('it has both a form (-F) and data (-d)');
  const text = data.map(dataOf).join(isJson ? '' : '&');
  const query = [...added, ...(isGet && text ? [text] : [])];
  if (parts.length > 0 && contentType !== undefined && !/^multipart\/form-data\s*(;|$)/i.test(contentType))
    throw new CurlRefusedError(
      'its form (-F) has another Content-Type than multipart/form-data, which forms always have',
    );
  if (parts.length > 0) return { body: { parts: parts.map(partOf) }, query, isJson, notes: [] };
  if (data.length === 0 || isGet) return { query, isJson, notes: [] };
  const looksLikeJson = contentType === undefined && !isJson && /^\s*[{[]/.test(text);
  const content_type = contentType ?? (isJson || looksLikeJson ? JSON_TYPE : FORM);
  refuseCredentials(text, content_type);
  const notes = looksLikeJson ? ['the data is JSON and is sent as such; curl would have called it a form'] : [];
  return { body: { content_type, text }, query, isJson, notes };
}

function dataOf({ name, value }: CurlOption): string {
  if (name === 'data-urlencode') return encoded(value);
  if (name !== 'data-raw' && value.startsWith('@')) throw ofFile(name);
  return value;
}

/** Behind a `+` it is sent as it is. */
const inQuery = (text: string): string => (text.startsWith('+') ? text.slice(1) : encoded(text));

/** `content`, `=content` and `name=content`; those with `@` name a file. */
function encoded(text: string): string {
  const [, name = '', sign = '', content = ''] = /^([^=@]*)([=@])(.*)$/s.exec(text) ?? [text, '', '', text];
  if (sign === '@') throw ofFile('data-urlencode');
  const written = piecesOf(content).map((piece) =>
    typeof piece === 'string' ? encodeURIComponent(piece) : `{{${piece.argument}}}`,
  );
  return (name ? `${name}=` : '') + written.join('');
}

function partOf({ name: option, value }: CurlOption): CurlPart {
  const [, name = '', content = ''] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (!name) throw new CurlRefusedError(`--${option} must be name=content`);
  if (option === 'form' && /^[@<]/.test(content)) throw ofFile(option);
  const part = option === 'form' ? readPart(name, content) : { name, text: content };
  if (isCredential([part.name, part.text])) throw ofCredential(part.name);
  refuseCredentials(part.text, part.content_type);
  return part;
}

/** A body can be read by whoever may see the server, and a credential in it could not be sealed. */
function refuseCredentials(text: string, contentType: string | undefined): void {
  const found = credentialIn(text, contentType);
  if (found !== undefined) throw ofCredential(found);
}

const ofFile = (option: string): CurlRefusedError => {
  const quoted = option === 'form' ? ', in double quotes if it begins so' : '';
  return new CurlRefusedError(
    `--${option} with "@" or "<" reads a file of this computer; write the content${quoted}, or use a {{parameter}}`,
  );
};

const ofCredential = (name: string): CurlRefusedError =>
  new CurlRefusedError(
    `"${name.slice(0, 64)}" in its body looks like a credential, which can neither be sealed there nor be a parameter; ` +
      'a service that wants one there is a server with an auth_strategy',
  );
