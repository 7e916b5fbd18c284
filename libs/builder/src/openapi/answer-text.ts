import { STATUS_CODES } from 'node:http';
import { charsetOf, essenceOf, isJsonType, isTextualType } from './media-type.js';
import { cut } from './plain-text.js';

/** What a member answered, its body whole and already decompressed. */
export interface OperationResponse {
  readonly status: number;
  readonly statusText?: string;
  readonly contentType?: string | undefined;
  readonly body: Buffer;
}

/** Takes secrets out of a text. */
export type Mask = (text: string) => string;

const MAX_ERROR_BYTES = 4 * 1024;

/** What the answer is: as it says itself, or as the document says where it does not, or says no more than bytes. */
export function typeOfAnswer({ contentType }: OperationResponse, declared: string | undefined): string | undefined {
  const isUnsaid = !contentType || essenceOf(contentType) === 'application/octet-stream';
  return (isUnsaid && declared) || contentType;
}

/** The answer as text; undefined if it is none, or is not in the charset that it names. */
export function textOfAnswer(body: Buffer, contentType: string | undefined): string | undefined {
  const essence = essenceOf(contentType);
  return isTextual(essence) && !isPicture(essence) ? decoded(body, contentType) : undefined;
}

/**
 * Whether a text may be JSON. Servers that send it as plain text, or without any type, were understood before and still
 * are.
 */
export const looksLikeJson = (essence: string, text: string): boolean =>
  isJsonType(essence) || ((essence === '' || essence === 'text/plain') && /^\s*[{[]/.test(text));

/** What an answer that is none of 2xx says, in at most some 4 KiB. */
export function errorText(response: OperationResponse, mask: Mask): string {
  const head = `HTTP error ${response.status}: ${mask(reasonOf(response))}`.replace(/: $/, '');
  if (response.body.length === 0) return head;
  const essence = essenceOf(response.contentType);
  // Cutting the bytes first keeps a large page from being decoded for its first lines.
  const start = response.body.subarray(0, MAX_ERROR_BYTES * 2);
  const text =
    isTextual(essence) && !isPicture(essence)
      ? (decoded(start, response.contentType, { isStart: true }) ?? withGaps(start, response.contentType))
      : undefined;
  return `${head} - ${text === undefined ? sizeOf(essence, response.body) : cut(mask(text), MAX_ERROR_BYTES)}`;
}

// HTTP/2 has no reason phrase.
export const reasonOf = ({ status, statusText }: OperationResponse): string => statusText || STATUS_CODES[status] || '';

// SVG is text that models can read and clients rarely draw.
export const isPicture = (essence: string): boolean => essence.startsWith('image/') && essence !== 'image/svg+xml';

const isTextual = (essence: string): boolean => essence === '' || isTextualType(essence);

// JSON is UTF-8 (RFC 8259, 8.1), and services that name another charset may send UTF-8 all the same. Where it is none, or
// holds what JSON never does, it is what they say. Other text is that alone.
function decoded(body: Buffer, contentType: string | undefined, { isStart = false } = {}): string | undefined {
  const named = decodedAs(charsetOf(contentType) ?? UTF8, body, isStart);
  if (!isJsonType(contentType)) return named;
  const text = decodedAs(UTF8, body, isStart);
  return text === undefined || text.includes('\0') ? (named ?? text) : text;
}

/** What cannot be decoded is replaced: for those who had better read a part than nothing. */
const withGaps = (start: Buffer, contentType: string | undefined): string =>
  new TextDecoder(encodingOf(charsetOf(contentType) ?? UTF8)).decode(start);

const UTF8 = 'utf-8';

// What nobody knows by that name is read as UTF-8. The start of a body may end within a character.
function decodedAs(charset: string, body: Buffer, isStart: boolean): string | undefined {
  try {
    return new TextDecoder(encodingOf(charset), { fatal: true }).decode(body, { stream: isStart });
  } catch {
    return undefined;
  }
}

function encodingOf(charset: string): string {
  try {
    return new TextDecoder(charset).encoding;
  } catch {
    return UTF8;
  }
}

/** A body that is not shown. */
export const sizeOf = (essence: string, { length }: Buffer): string =>
  `${length} bytes of ${essence || 'application/octet-stream'}`;
