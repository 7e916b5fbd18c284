import { isUtf8 } from 'node:buffer';
import { isObject } from '#kernel';
import { MessageError, type MessageId, TooDeepError } from './json-rpc.errors.js';
import { type Span, scanObject, skipBlank } from './json-scan.js';

/** One JSON-RPC message: decoded for reading, and as it came for passing on. */
export interface Message {
  readonly raw: Buffer;
  /** Absent for a response. */
  readonly method?: string;
  /** Absent for a notification. */
  readonly id?: MessageId;
  readonly params: Readonly<Record<string, unknown>>;
  readonly places: {
    readonly id?: Span;
    readonly params?: Span;
    /** Of a response. */
    readonly result?: Span;
    readonly error?: Span;
    /** What the request asks for: `params.name`, `params.uri`, `params.taskId`, or what `params.ref` names. */
    readonly target?: Span;
    /** `params._meta` */
    readonly meta?: Span;
    /** `params._meta.progressToken` */
    readonly progressToken?: Span;
  };
}

/** By method, which of the params says what is asked for. */
const TARGETS: ReadonlyMap<string, 'name' | 'uri' | 'ref' | 'taskId'> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['completion/complete', 'ref'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

/**
 * Reads one message. Refuses with `MessageError`: invalid UTF-8 or JSON, batches (removed in revision 2025-06-18), what is
 * no JSON-RPC 2.0, ids that are no string or safe integer, nesting beyond the limit, and keys that stand twice in the
 * message or its params, because the next reader might take the other one.
 */
export function parseMessage(raw: Buffer): Message {
  const value = parseJson(raw);
  if (Array.isArray(value)) throw new MessageError(-32600, 'Invalid Request: batches are not part of this protocol');
  if (!isObject(value) || value['jsonrpc'] !== '2.0')
    throw new MessageError(-32600, 'Invalid Request: not a JSON-RPC 2.0 message');

  const id = idOf(value);
  const { method, params = {} } = value;
  if (method !== undefined && typeof method !== 'string')
    throw new MessageError(-32600, 'Invalid Request: method must be a string', id);
  if (!isObject(params)) throw new MessageError(-32600, 'Invalid Request: params must be an object', id);
  if (method === undefined && !('result' in value) && !('error' in value)) {
    throw new MessageError(-32600, 'Invalid Request: neither a request nor a response', id);
  }
  return {
    raw,
    ...(method === undefined ? {} : { method }),
    ...(id === undefined ? {} : { id }),
    params,
    places: placesOf(raw, value, id),
  };
}

function parseJson(raw: Buffer): unknown {
  if (!isUtf8(raw)) throw new MessageError(-32700, 'Parse error: not valid UTF-8');
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch {
    throw new MessageError(-32700, 'Parse error: not valid JSON');
  }
}

function idOf(value: Record<string, unknown>): MessageId | undefined {
  if (!('id' in value)) return undefined;
  const { id } = value;
  if (typeof id === 'string' && id.length <= 1024) return id;
  if (Number.isSafeInteger(id)) return id as number;
  throw new MessageError(-32600, 'Invalid Request: id must be a string or an integer');
}

function placesOf(
  raw: Buffer,
  { method, params: given }: Readonly<Record<string, unknown>>,
  id: MessageId | undefined,
): Message['places'] {
  try {
    const top = uniqueMembers(raw, skipBlank(raw, 0), id);
    const params = top.get('params');
    const inner = params ? uniqueMembers(raw, params.start, id) : new Map<string, Span>();
    const meta = inner.get('_meta');
    const progressToken =
      meta && raw[meta.start] === 0x7b ? uniqueMembers(raw, meta.start, id).get('progressToken') : undefined;
    const names = typeof method === 'string' ? TARGETS.get(method) : undefined;
    let target = names && inner.get(names);
    if (names === 'ref' && target) {
      const ref = (given as Record<string, unknown>)['ref'];
      target = isObject(ref)
        ? uniqueMembers(raw, target.start, id).get(ref['type'] === 'ref/resource' ? 'uri' : 'name')
        : undefined;
    }
    return defined({
      id: top.get('id'),
      result: top.get('result'),
      error: top.get('error'),
      params,
      target,
      meta,
      progressToken,
    });
  } catch (error) {
    if (error instanceof TooDeepError) throw new MessageError(-32600, `Invalid Request: ${error.message}`, id);
    throw error;
  }
}

function uniqueMembers(raw: Buffer, start: number, id: MessageId | undefined): Map<string, Span> {
  const members = new Map<string, Span>();
  scanObject(raw, start, (key, span) => {
    if (members.has(key)) throw new MessageError(-32600, `Invalid Request: "${key.slice(0, 64)}" stands twice`, id);
    members.set(key, span);
  });
  return members;
}

function defined(places: { [K in keyof Message['places']]: Message['places'][K] | undefined }): Message['places'] {
  return Object.fromEntries(Object.entries(places).filter(([, span]) => span));
}
