import { isUtf8 } from 'node:buffer';
import { isObject } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import { NotJsonError, TooDeepError } from '../json-rpc/json-rpc.errors.js';
import { type Span, findMembers, scanObject, skipBlank } from '../json-rpc/json-scan.js';
import { LIST_KINDS, type ListKind } from '../member-offer.js';
import type { ControlAnswer } from './control-request.js';

/** Up to here the whole grammar of a message is checked; beyond, only what is needed to find its parts, and theirs. */
const MAX_PARSED_BYTES = 256 * 1024;
const OPEN_OBJECT = 0x7b;
/** What the servers of the official SDKs answer to a request of a session that they do not know. */
const NO_SESSION = -32000;
const LIST_CHANGES = new Map([...LIST_KINDS].map((list) => [`"notifications/${list}/list_changed"`, list]));

/** What a message from a member is, and where its parts stand. */
export interface MemberMessage {
  readonly raw: Buffer;
  readonly kind: 'response' | 'request' | 'notification';
  readonly places: ReadonlyMap<string, Span>;
}

/** Reads a member's message, its values undecoded. Throws `MemberProtocolError` for what is no JSON-RPC 2.0 message. */
export function readMemberMessage(raw: Buffer): MemberMessage {
  const places = placesOf(raw);
  if (textAt(raw, places.get('jsonrpc')) !== '"2.0"') throw unreadable('not a JSON-RPC 2.0 message');
  const kind = places.has('method') ? (places.has('id') ? 'request' : 'notification') : 'response';
  if (kind === 'response') checkOutcome(raw, places);
  return { raw, kind, places };
}

/** The id, as JSON text, of a response that cannot be read as one, as far as it can be found. */
export function idIn(raw: Buffer): string | undefined {
  const places = findMembers(raw);
  return places.has('method') ? undefined : textAt(raw, places.get('id'));
}

export function textAt(raw: Buffer, span: Span | undefined): string | undefined {
  return span && raw.toString('utf8', span.start, span.end);
}

/** The list that is another one than before, if a method, as JSON text, says so. */
export function listChangeOf(method: string | undefined): ListKind | undefined {
  return method === undefined ? undefined : LIST_CHANGES.get(method);
}

/**
 * Whether the answer says that the member does not know the session: 404 (2025-11-25, transports), or 400 with an error
 * that belongs to no request, as the examples of the official SDKs say it. It has not looked at the request.
 */
export function isSessionLost(status: number, message: unknown): boolean {
  if (status === 404) return true;
  if (status !== 400 || !isObject(message) || !isObject(message['error'])) return false;
  return message['error']['code'] === NO_SESSION && (message['id'] ?? null) === null;
}

/** The same of an answer that the composer has asked for itself. */
export function hasLostSession({ status, response }: ControlAnswer): boolean {
  return isSessionLost(status, response?.value);
}

function placesOf(raw: Buffer): Map<string, Span> {
  if (!isUtf8(raw)) throw unreadable('not valid UTF-8');
  const places = new Map<string, Span>();
  try {
    // Deep nesting is refused before anything recursive touches it.
    const end = scanObject(raw, 0, (key, span) => {
      if (places.has(key)) throw unreadable(`"${key.slice(0, 64)}" stands twice`);
      places.set(key, span);
    });
    if (skipBlank(raw, end) !== raw.length) throw new NotJsonError();
    // A request is answered by the composer and passed on to nobody: what is wrong inside it breaks no call.
    if (!places.has('method') || !places.has('id')) checkGrammar(raw, places);
  } catch (error) {
    if (error instanceof SyntaxError) throw unreadable('not valid JSON', error);
    if (error instanceof NotJsonError || error instanceof TooDeepError) throw unreadable(error.message, error);
    throw error;
  }
  return places;
}

function checkGrammar(raw: Buffer, places: ReadonlyMap<string, Span>): void {
  if (raw.length <= MAX_PARSED_BYTES) return void JSON.parse(raw.toString('utf8'));
  for (const part of ['params', 'result', 'error']) {
    const place = places.get(part);
    if (place && raw[place.start] === OPEN_OBJECT && scanObject(raw, place.start, () => undefined) !== place.end) {
      throw new NotJsonError();
    }
  }
}

/** JSON-RPC 2.0, section 5: a result or an error, never both; MCP makes either an object. */
function checkOutcome(raw: Buffer, places: ReadonlyMap<string, Span>): void {
  const [result, error] = [places.get('result'), places.get('error')];
  if (!result === !error) throw unreadable('not exactly one of a result and an error');
  if (raw[(result ?? error)!.start] !== OPEN_OBJECT) throw unreadable('a result or an error that is no object');
}

function unreadable(what: string, cause?: unknown): MemberProtocolError {
  return new MemberProtocolError(`its answer cannot be read: ${what}`, cause);
}
