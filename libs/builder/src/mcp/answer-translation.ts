import { type Edit, applyEdits, insertMembers } from '../json-rpc/json-edit.js';
import { type Span, scanObject, skipBlank } from '../json-rpc/json-scan.js';
import type { Era } from '../member.js';
import { META_CAPABILITIES, META_CLIENT_INFO, META_VERSION, MODERN_VERSION, COMPOSER_INFO } from './mcp-protocol.js';
import type { ToolCall } from '../member.js';

/** What a message from a member is, and where its parts stand. */
export interface MemberMessage {
  readonly raw: Buffer;
  readonly kind: 'response' | 'request' | 'notification';
  readonly places: ReadonlyMap<string, Span>;
}

/** Reads a member's message without decoding it. Throws `NotJsonError` or `TooDeepError`. */
export function readMemberMessage(raw: Buffer): MemberMessage {
  const places = new Map<string, Span>();
  scanObject(raw, 0, (key, span) => places.set(key, span));
  const kind = places.has('method') ? (places.has('id') ? 'request' : 'notification') : 'response';
  return { raw, kind, places };
}

export function textAt(raw: Buffer, span: Span | undefined): string | undefined {
  return span && raw.toString('utf8', span.start, span.end);
}

/** Makes the caller's request into the member's: its name of the tool, an id of this link, and the member's era. */
export function requestFor(call: ToolCall, memberEra: Era, id: number): Buffer {
  const { message } = call;
  const { places, raw } = message;
  const edits: Edit[] = [];
  const name = JSON.stringify(call.tool);
  if (places.name && textAt(raw, places.name) !== name) edits.push({ ...places.name, bytes: Buffer.from(name) });
  if (memberEra === 'legacy') {
    // Callers share one session, and members tell requests of a session apart by their ids.
    if (places.id) edits.push({ ...places.id, bytes: Buffer.from(String(id)) });
    if (places.progressToken) edits.push({ ...places.progressToken, bytes: Buffer.from(String(id)) });
  } else if (call.era === 'legacy') {
    edits.push(modernMeta(raw, places.params, places.meta));
  }
  return applyEdits(raw, edits);
}

function modernMeta(raw: Buffer, params: Span | undefined, meta: Span | undefined): Edit {
  const members = [
    [META_VERSION, MODERN_VERSION],
    [META_CLIENT_INFO, COMPOSER_INFO],
    [META_CAPABILITIES, {}],
  ].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  if (meta && raw[meta.start] === 0x7b) return insertMembers(raw, meta, members.join(','));
  return insertMembers(raw, params!, `"_meta":{${members.join(',')}}`);
}

/** What a member's response becomes for the caller. */
export type TranslatedResponse =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  /** The response belongs to another request. */
  | { readonly kind: 'stranger' }
  /** The member wants an answer that a caller of the legacy era cannot give in this way. */
  | { readonly kind: 'input-required' };

export interface ResponseContext {
  /** The id under which the member was asked, as JSON text. */
  readonly askedAs: string;
  /** The caller's id, as it stood in its request. */
  readonly callerId: Buffer;
  readonly callerEra: Era;
}

/** Puts the caller's id back and gives the result the form of the caller's era. Changes no other byte. */
export function responseFor(
  { raw, places }: MemberMessage,
  { askedAs, callerId, callerEra }: ResponseContext,
): TranslatedResponse {
  const id = places.get('id');
  if (!id || !isSameId(textAt(raw, id)!, askedAs)) return { kind: 'stranger' };
  const edits: Edit[] = [{ ...id, bytes: callerId }];
  const result = places.get('result');
  if (result && raw[result.start] === 0x7b) {
    const type = resultTypeOf(raw, result);
    if (callerEra === 'modern' && type === undefined) edits.push(insertMembers(raw, result, '"resultType":"complete"'));
    if (callerEra === 'legacy' && type !== undefined && type !== '"complete"') return { kind: 'input-required' };
  }
  return { kind: 'message', bytes: applyEdits(raw, edits) };
}

/** A notification of progress, with the caller's own token; other notifications go as they are. */
export function notificationFor(message: MemberMessage, callerToken: Buffer | undefined): Buffer | undefined {
  const { raw, places } = message;
  if (textAt(raw, places.get('method')) !== '"notifications/progress"') return raw;
  const params = places.get('params');
  if (!params || !callerToken) return undefined;
  let token: Span | undefined;
  scanObject(raw, skipBlank(raw, params.start), (key, span) => {
    if (key === 'progressToken') token = span;
  });
  return token ? applyEdits(raw, [{ ...token, bytes: callerToken }]) : undefined;
}

/** The same string may be written in several ways: with escapes, or without. */
function isSameId(a: string, b: string): boolean {
  if (a === b) return true;
  try {
    return JSON.parse(a) === JSON.parse(b);
  } catch {
    return false;
  }
}

function resultTypeOf(raw: Buffer, result: Span): string | undefined {
  let type: string | undefined;
  scanObject(raw, result.start, (key, span) => {
    if (key === 'resultType') type = textAt(raw, span);
  });
  return type;
}
