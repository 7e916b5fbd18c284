import { getIntrospectionQuery } from 'graphql';
import { isObject } from '#kernel';
import { MemberProtocolError, refusalOf } from '../builder.errors.js';
import type { ServiceAnswer } from '../members/ask-member.js';
import { plainText } from '../openapi/plain-text.js';
import { errorsIn } from './graphql-answer.js';

/** Sends an operation with the member's credential. */
export type Ask = (query: string) => Promise<ServiceAnswer>;

export type Introspection =
  | { readonly body: Buffer }
  /** The service answers, and does not tell its schema. */
  | { readonly refusal: string };

// Older services know nothing of what was added to introspection since 2018, and refuse all of it.
const QUERIES = [
  getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true, oneOf: true }),
  getIntrospectionQuery(),
];
/** No schema fits into so few bytes together with an error: what is larger is looked at by whoever reads the schema. */
const SMALL = 64 * 1024;
const MAX_SAID = 200;

/** Asks a service for its schema, in the words that it knows. Rejects as `graphqlAnswer`. */
export async function introspect(ask: Ask): Promise<Introspection> {
  let refusal = '';
  for (const query of QUERIES) {
    const { body } = graphqlAnswer(await ask(query));
    if (body.length > SMALL) return { body };
    const response = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    if (isObject(response['data']) && isObject(response['data']['__schema'])) return { body };
    const [error] = errorsIn(response);
    refusal = isObject(error) && typeof error['message'] === 'string' ? plainText(error['message'], MAX_SAID) : '';
  }
  return { refusal };
}

/**
 * The answer, if it is one of a GraphQL service that takes the credential.
 *
 * @throws MemberRefusedError, ScopeMissingError or MemberProtocolError
 */
export function graphqlAnswer(answer: ServiceAnswer): ServiceAnswer {
  const { status, isRefusal, body } = answer;
  if (isRefusal || status === 401 || status === 403) throw refusalOf(status, answer.headers['www-authenticate']);
  if (status >= 500 || !isGraphql(body)) {
    throw new MemberProtocolError(`it answered HTTP ${status} and no GraphQL response: is this its GraphQL endpoint?`);
  }
  return answer;
}

/** GraphQL over HTTP, 6.4: an object with data, errors, or both. */
function isGraphql(body: Buffer): boolean {
  // To read megabytes would take longer than other work may wait.
  if (body.length > SMALL) return /^\s*\{\s*"(data|errors|extensions)"/.test(body.toString('utf8', 0, 256));
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isObject(value) && ('data' in value || Array.isArray(value['errors']));
  } catch {
    return false;
  }
}
