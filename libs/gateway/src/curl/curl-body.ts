import type { LocalTool } from '#registry';
import { piecesOf } from '#registry';
import { isCredentialName, isTokenName } from './credential-names.js';
import type { CurlOption } from './curl-options.js';
import { CurlRefusedError } from './curl.errors.js';
import { decodedText } from './decoded-text.js';

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
  const added = options.filter(({ name }) => name === 'url-query').map(({ value }) => encoded(value));
  if (data.length > 0 && parts.length > 0) throw new CurlRefusedError('it has both a form (-F) and data (-d)');
  const text = data.map(dataOf).join(isJson ? '' : '&');
  const query = [...added, ...(isGet && text ? [text] : [])];
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

/** `content`, `=content` and `name=content`; those with `@` name a file. */
function encoded(text: string): string {
  const [, name = '', sign = '', content = ''] = /^([^=@]*)([=@])(.*)$/s.exec(text) ?? [text, '', '', text];
  if (sign === '@') throw ofFile('data-urlencode');
  const written = piecesOf(content).map((piece) =>
    typeof piece === 'string' ? encodeURIComponent(piece) : `{{${piece.argument}}}`,
  );
  return (name ? `${name}=` : '') + written.join('');
}

function partOf({ name: option, value }: CurlOption): { name: string; text: string; content_type?: string } {
  const [, name = '', content = ''] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (!name) throw new CurlRefusedError(`--${option} must be name=content`);
  if (option === 'form-string') return checkedPart({ name, text: content });
  if (/^[@<]/.test(content)) throw ofFile(option);
  const [, text = content, type] = /^(.*?);\s*type=([^;]+)$/s.exec(content) ?? [];
  return checkedPart({ name, text, ...(type === undefined ? {} : { content_type: type.trim() }) });
}

function checkedPart<T extends { readonly name: string; readonly text: string }>(part: T): T {
  if (isCredential([part.name, part.text])) throw ofCredential(part.name);
  return part;
}

/** A body can be read by whoever may see the server, and a credential in it could not be sealed. */
function refuseCredentials(text: string, contentType: string): void {
  const found = (contentType.startsWith(FORM) ? pairsOfForm(text) : pairsOfJson(text)).find(isCredential);
  if (found) throw ofCredential(found[0]);
}

type NamedText = readonly [name: string, text: string];

/** A parameter under a name that is often one of something else is none: its value is never kept. */
const isCredential = ([name, text]: NamedText): boolean =>
  isCredentialName(name) || (text !== '' && !text.includes('{{') && isTokenName(name));

const pairsOfForm = (text: string): NamedText[] =>
  text.split('&').map((pair) => {
    const [, name = pair, value = ''] = /^([^=]*)=(.*)$/s.exec(pair) ?? [];
    return [decodedText(name), value];
  });

/** With the texts that stand there, up to the first quote in them. */
const pairsOfJson = (text: string): NamedText[] =>
  [...text.matchAll(/"([^"\\]{1,64})"\s*:(?:\s*"([^"]*))?/g)].map(([, name = '', value = '']) => [name, value]);

const ofFile = (option: string): CurlRefusedError =>
  new CurlRefusedError(
    `--${option} with "@" or "<" reads a file of this computer; write the content, or use a {{parameter}}`,
  );

const ofCredential = (name: string): CurlRefusedError =>
  new CurlRefusedError(
    `"${name.slice(0, 64)}" in its body looks like a credential, which can neither be sealed there nor be a parameter; ` +
      'a service that wants one there is a server with an auth_strategy',
  );
