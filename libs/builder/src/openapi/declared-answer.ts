import { entriesOf, memberOf, textOf } from './json-reader.js';
import { essenceOf, isJsonType } from './media-type.js';
import type { OpenApiDocument } from './openapi-document.js';
import { dereference } from './reference.js';

/** What a document says of the answer of an operation when all goes well. */
export interface DeclaredAnswer {
  /** Of JSON alone. */
  readonly schema?: unknown;
  /** Its media type, where there is one and no other. */
  readonly type?: string;
}

const NOTHING: DeclaredAnswer = {};
const MAX_RESPONSES = 100;
const MAX_TYPES = 20;

/** Never throws: an answer that cannot be looked at is not declared. */
export function declaredAnswer(document: OpenApiDocument, operation: unknown): DeclaredAnswer {
  const responses = entriesOf(operation, 'responses').slice(0, MAX_RESPONSES);
  const answers = successes(responses).map((raw) => answerOf(document, followed(document, raw)));
  return answers.find(({ schema }) => schema !== undefined) ?? answers.find(({ type }) => type) ?? NOTHING;
}

/** In the order in which they are asked. `default` is of failures, unless there is nothing else. */
function successes(responses: readonly (readonly [string, unknown])[]): unknown[] {
  const good = responses.filter(([status]) => /^2(?:\d\d|xx)$/i.test(status));
  good.sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1));
  if (good.length > 0) return good.map(([, response]) => response);
  const [[status, only] = []] = responses;
  const isError = /error|fail|problem|fault/i.test(textOf(only, 'description') ?? '');
  return responses.length === 1 && status === 'default' && !isError ? [only] : [];
}

const rank = (status: string): string => status.toLowerCase().replaceAll('x', '~');

function answerOf(document: OpenApiDocument, response: unknown): DeclaredAnswer {
  const content = entriesOf(response, 'content').slice(0, MAX_TYPES);
  const [[onlyType = ''] = []] = content;
  const type = content.length === 1 ? essenceOf(onlyType) : '';
  const json =
    content.find(([name]) => isJsonType(name)) ?? content.find(([name]) => /^(\*|application)\/\*/.test(name));
  const schema = json && memberOf(followed(document, json[1]), 'schema');
  return { ...(schema !== undefined && { schema }), ...(MEDIA_TYPE.test(type) && { type }) };
}

const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,64}\/[a-z0-9!#$&^_.+-]{1,64}$/;

function followed(document: OpenApiDocument, value: unknown): unknown {
  try {
    return dereference(document, value);
  } catch {
    return undefined;
  }
}
