import { type Edit, applyEdits, insertMembers } from '../json-rpc/json-edit.js';
import type { Message } from '../json-rpc/json-rpc-message.js';
import { type Span, scanObject } from '../json-rpc/json-scan.js';
import { withoutParams } from '../json-rpc/message-without.js';
import { declarationOf } from '../client-facts.js';
import type { Era, ForwardedMethod, MemberRequest } from '../member.js';
import { extensionEdits } from './extensions.js';
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  META_CAPABILITIES,
  META_LOG_LEVEL,
  RESOURCE_NOT_FOUND,
} from './mcp-protocol.js';
import { type MemberMessage, textAt } from './member-message.js';
import { OWN_META } from './own-meta.js';
import { PAGE_REQUIRED, type RequiredPage, requiredPageIn } from './required-page.js';

const OPEN_OBJECT = 0x7b;
const TASK = new Set(['task']);

/** Makes the caller's request into the member's: its word for what is asked, an id of this link, and the member's era. */
export function requestFor(request: MemberRequest, memberEra: Era, id: number): Buffer {
  const { places, raw } = memberEra === 'legacy' ? withoutTask(request) : request.message;
  const edits: Edit[] = [];
  const target = JSON.stringify(request.target);
  if (places.target && textAt(raw, places.target) !== target)
    edits.push({ ...places.target, bytes: Buffer.from(target) });
  if (memberEra === 'legacy') {
    // Callers share one session, and members tell requests of a session apart by their ids.
    if (places.id) edits.push({ ...places.id, bytes: Buffer.from(String(id)) });
    if (places.progressToken) edits.push({ ...places.progressToken, bytes: Buffer.from(String(id)) });
  } else {
    edits.push(...(request.client.era === 'legacy' ? modernMeta(request) : extensionEdits(request.message)));
  }
  return applyEdits(raw, edits);
}

/**
 * 2025-11-25, tasks: who has not declared that it takes calls as tasks, as the composer does not, ignores that one is to be
 * one. What the member made of it could not be asked for.
 */
function withoutTask({ method, message }: MemberRequest): Message {
  return method === 'tools/call' && 'task' in message.params ? withoutParams(message, TASK) : message;
}

/** What a legacy caller has said of itself in its session, the composer says with every request; what it says under the same keys does not count. */
function modernMeta({ message, client, logLevel }: MemberRequest): Edit[] {
  const { raw } = message;
  const { params, meta } = message.places;
  const level = logLevel === undefined ? {} : { [META_LOG_LEVEL]: logLevel };
  const said = { ...OWN_META, [META_CAPABILITIES]: declarationOf(client.capabilities), ...level };
  const own = new Map(Object.entries(said).map(([key, value]) => [key, JSON.stringify(value)]));
  const edits: Edit[] = [];
  if (meta && raw[meta.start] === OPEN_OBJECT) {
    scanObject(raw, meta.start, (key, span) => {
      const value = own.get(key);
      if (value === undefined) return;
      edits.push({ ...span, bytes: Buffer.from(value) });
      own.delete(key);
    });
  }
  if (own.size === 0) return edits;
  const members = [...own].map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',');
  if (!meta) return [insertMembers(raw, params!, `"_meta":{${members}}`)];
  if (raw[meta.start] !== OPEN_OBJECT) return [{ ...meta, bytes: Buffer.from(`{${members}}`) }];
  return [...edits, insertMembers(raw, meta, members)];
}

/** What a member's response becomes for the caller. */
export type TranslatedResponse =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  /** The response belongs to another request. */
  | { readonly kind: 'stranger' }
  /** The member wants something of a caller of the legacy era, which is asked in another way. */
  | { readonly kind: 'input-required' }
  /** The member has made a task of a call whose caller takes none. */
  | { readonly kind: 'task' }
  /** The member wants a person to open a page first, and says so in a way that the caller's era does not have. */
  | { readonly kind: 'page-required'; readonly page: RequiredPage };

export interface ResponseContext {
  /** The id under which the member was asked, as JSON text. */
  readonly askedAs: string;
  /** The caller's id, as it stood in its request. */
  readonly callerId: Buffer;
  readonly callerEra: Era;
  readonly memberEra: Era;
  readonly method: ForwardedMethod;
  /** What was asked for, as the member calls it. */
  readonly target: string;
  /** The answer may be a task. */
  readonly takesTasks: boolean;
}

/** 2026-07-28, caching: what is read may be kept; of a member that says nothing of it, not at all. */
const NOT_TO_BE_KEPT = '"ttlMs":0,"cacheScope":"private"';

/** Puts the caller's id back and gives the result the form of the caller's era. Changes no other byte. */
export function responseFor(message: MemberMessage, context: ResponseContext): TranslatedResponse {
  const { raw, places } = message;
  const { askedAs, callerId, callerEra, memberEra } = context;
  const id = places.get('id');
  if (!id || !isSameId(textAt(raw, id)!, askedAs)) return { kind: 'stranger' };
  const edits: Edit[] = [{ ...id, bytes: callerId }];
  const result = places.get('result');
  if (result && raw[result.start] === OPEN_OBJECT) {
    const type = resultTypeOf(raw, result);
    if (callerEra === 'modern' && type === undefined) {
      const hint = context.method === 'resources/read' ? `${NOT_TO_BE_KEPT},` : '';
      edits.push(insertMembers(raw, result, `${hint}"resultType":"complete"`));
    }
    if (type === '"task"' && !context.takesTasks) return { kind: 'task' };
    if (callerEra === 'legacy' && type !== undefined && type !== '"complete"') return { kind: 'input-required' };
  }
  const error = places.get('error');
  if (error && raw[error.start] === OPEN_OBJECT && callerEra === 'modern' && memberEra === 'legacy') {
    const page = requiredPageIn(message);
    if (page) return { kind: 'page-required', page };
    edits.push(...withoutPageCode(raw, error));
  }
  if (error && callerEra !== memberEra && context.method === 'resources/read') {
    edits.push(...notFoundFor(raw, error, context));
  }
  return { kind: 'message', bytes: applyEdits(raw, edits) };
}

/** A page that cannot be named is an error like any other. */
function withoutPageCode(raw: Buffer, error: Span): readonly Edit[] {
  const code = placesIn(raw, error).get('code');
  const isPage = code !== undefined && Number(textAt(raw, code)) === PAGE_REQUIRED;
  return isPage ? [{ ...code, bytes: Buffer.from(String(INTERNAL_ERROR)) }] : [];
}

function placesIn(raw: Buffer, { start }: Span): ReadonlyMap<string, Span> {
  const places = new Map<string, Span>();
  scanObject(raw, start, (key, span) => places.set(key, span));
  return places;
}

/** The eras have different codes for a resource that is not there; in the modern one the URI tells it from other errors. */
function notFoundFor(raw: Buffer, error: Span, { callerEra, target }: ResponseContext): readonly Edit[] {
  const places = placesIn(raw, error);
  const [code, data] = [places.get('code'), places.get('data')];
  const number = Number(textAt(raw, code));
  if (!code) return [];
  if (callerEra === 'modern' && number === RESOURCE_NOT_FOUND) {
    const uri = data ? [] : [insertMembers(raw, error, `"data":${JSON.stringify({ uri: target })}`)];
    return [{ ...code, bytes: Buffer.from(String(INVALID_PARAMS)) }, ...uri];
  }
  const isNotFound = number === INVALID_PARAMS && textAt(raw, data)?.includes(JSON.stringify(target));
  return isNotFound ? [{ ...code, bytes: Buffer.from(String(RESOURCE_NOT_FOUND)) }] : [];
}

/**
 * What the caller is told of a notification: progress, under its own token, and log messages, which a member of the legacy
 * era gives to a caller of the modern one that has not asked for them. The rest is between the member and the composer.
 */
export function notificationFor(
  { raw, places }: MemberMessage,
  { callerEra, memberEra }: Pick<ResponseContext, 'callerEra' | 'memberEra'>,
  callerToken: Buffer | undefined,
): Buffer | undefined {
  const method = textAt(raw, places.get('method'));
  if (method === '"notifications/message"') return callerEra === 'legacy' || memberEra === 'modern' ? raw : undefined;
  if (method === '"notifications/elicitation/complete"') return callerEra === 'legacy' ? raw : undefined;
  const params = places.get('params');
  if (method !== '"notifications/progress"' || !callerToken || !params || raw[params.start] !== OPEN_OBJECT) {
    return undefined;
  }
  let token: Span | undefined;
  scanObject(raw, params.start, (key, span) => {
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
