import { randomUUID } from 'node:crypto';
import type { ClientFacts, ClientFlag } from './client-facts.js';
import { isObject } from '#kernel';

/** Requests of members that clients answer. */
export type AskedMethod = 'elicitation/create' | 'roots/list' | 'sampling/createMessage';

/** What a member wants to know of a caller. */
export interface MemberQuestion {
  readonly method: AskedMethod;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What the client has answered, as JSON text; or that it cannot, or does not want to, and why. */
export type ClientAnswer = { readonly result: Buffer } | { readonly error: Buffer };

/** The question in this request; undefined if it asks for what the client has not declared, or for nothing known. */
export function questionIn(request: unknown, { capabilities }: ClientFacts): MemberQuestion | undefined {
  if (!isObject(request)) return undefined;
  const { method, params = {} } = request;
  if (!isObject(params)) return undefined;
  const needed = neededFor(method, params);
  if (needed.length === 0 || !needed.every((flag) => capabilities.includes(flag))) return undefined;
  return { method: method as AskedMethod, params };
}

function neededFor(method: unknown, { mode, tools, toolChoice }: MemberQuestion['params']): readonly ClientFlag[] {
  switch (method) {
    case 'elicitation/create':
      return mode === undefined || mode === 'form' ? ['elicitation.form'] : mode === 'url' ? ['elicitation.url'] : [];
    case 'roots/list':
      return ['roots'];
    case 'sampling/createMessage':
      return tools === undefined && toolChoice === undefined ? ['sampling'] : ['sampling', 'sampling.tools'];
    default:
      return [];
  }
}

/** The question for a client of the legacy era. 2025-11-25, elicitation: a person has to see which server asks. */
export function signedBy(member: string, { method, params }: MemberQuestion): MemberQuestion {
  if (method !== 'elicitation/create') return { method, params };
  const message = typeof params['message'] === 'string' ? params['message'] : '';
  // Revisions with a handshake want a name for every page; 2026-07-28 has none.
  const name = params['mode'] === 'url' ? { elicitationId: randomUUID() } : {};
  return { method, params: { ...name, ...params, message: `Server "${member}" asks: ${message}` } };
}
