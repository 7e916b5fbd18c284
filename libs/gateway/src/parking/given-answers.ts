import { type MemberQuestion, type Message, type Span, scanObject } from '#builder';
import { isObject } from '#kernel';

const ACTIONS: ReadonlySet<unknown> = new Set(['accept', 'cancel', 'decline']);

/**
 * What a client has answered (2026-07-28, multi-round-trip requests: `inputResponses`), by key, as the JSON text that came.
 * What nobody has asked for does not count.
 *
 * @returns a text: what cannot be read
 */
export function givenAnswers(
  { raw, params, places }: Message,
  asked: ReadonlyMap<string, MemberQuestion>,
): ReadonlyMap<string, Buffer> | string {
  const given = params['inputResponses'];
  const answers = new Map<string, Buffer>();
  if (given === undefined) return answers;
  if (!isObject(given)) return 'inputResponses must be an object';
  for (const [key, place] of membersOf(raw, membersOf(raw, places.params!).get('inputResponses')!)) {
    const question = asked.get(key);
    if (!question) continue;
    if (!fits(given[key], question)) return `inputResponses["${key}"] is no result of ${question.method}`;
    answers.set(key, Buffer.from(raw.subarray(place.start, place.end)));
  }
  return answers;
}

/** As far as the member could not tell what it is: the rest is for the member to judge. */
function fits(answer: unknown, { method }: MemberQuestion): boolean {
  if (!isObject(answer)) return false;
  const { action, content, roots, role, model } = answer;
  switch (method) {
    case 'elicitation/create':
      return ACTIONS.has(action) && (content === undefined || isObject(content));
    case 'roots/list':
      return Array.isArray(roots);
    case 'sampling/createMessage':
      return typeof role === 'string' && typeof model === 'string' && typeof content === 'object' && content !== null;
  }
}

function membersOf(raw: Buffer, { start }: Span): ReadonlyMap<string, Span> {
  const members = new Map<string, Span>();
  scanObject(raw, start, (key, span) => members.set(key, span));
  return members;
}
