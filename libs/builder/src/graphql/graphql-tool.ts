import { type Fault, isObject } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import {
  InvalidArgumentsError,
  type OperationRequest,
  type OperationResponse,
  toToolResult,
} from '../openapi/index.js';
import type { RequestTool } from '../members/request-tool-call.js';

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/graphql-response+json, application/json;q=0.9',
};
const ARGUMENTS = new Set(['query', 'variables']);
/** Unknown arguments that are named. */
const MAX_UNKNOWN = 20;

export interface GraphqlToolParts {
  /** As clients of the member's own list know it: the id of the server. */
  readonly name: string;
  readonly endpoint: URL;
  /** Takes known secrets out of a text. */
  readonly mask: (text: string) => string;
}

type GraphQlRequest = OperationRequest & { readonly body: string };

/**
 * The one tool of a GraphQL service: sends any operation, as the GraphQL-over-HTTP specification says it in JSON. An
 * answer with `errors` is an error result that keeps the data that came with them.
 */
export class GraphqlTool implements RequestTool {
  private readonly path: string;

  constructor(private readonly parts: GraphqlToolParts) {
    this.path = parts.endpoint.pathname + parts.endpoint.search;
  }

  /** The tool as JSON text, as members offer it. */
  get definition(): string {
    const { name } = this.parts;
    const query = { type: 'string', description: 'A GraphQL document with one operation' };
    const variables = { type: 'object', description: 'Values of the variables that the operation declares' };
    const inputSchema = { type: 'object', properties: { query, variables }, required: ['query'] };
    const description =
      `Sends a GraphQL operation to ${name} and gives its data. ` +
      'Ask { __schema { queryType { fields { name } } } } for what there is.';
    return JSON.stringify({ name, description, inputSchema });
  }

  requestFor(args: Readonly<Record<string, unknown>>): GraphQlRequest {
    const faults = faultsOf(args);
    if (faults.length > 0) throw new InvalidArgumentsError(this.parts.name, faults);
    return this.request(String(args['query']), args['variables'] ?? undefined);
  }

  /** What every GraphQL service can answer: whether it is one. */
  probe(): GraphQlRequest {
    return this.request('{ __typename }');
  }

  resultOf(answer: OperationResponse): object {
    const { mask } = this.parts;
    const result = toToolResult(answer, mask);
    if (result.isError) return result;
    const { structuredContent: response } = result;
    const errors = response?.['errors'];
    // Services like to echo what they refuse, and say so under HTTP 200.
    if (Array.isArray(errors) && errors.length > 0) {
      return { ...toToolResult({ ...answer, body: Buffer.from(mask(answer.body.toString('utf8'))) }), isError: true };
    }
    // What nests too deep to be given as structure is given as text: whatever it says, the operation was carried out.
    const isResponse = response ? response['data'] !== undefined : isJson(answer.body);
    if (!isResponse) throw new MemberProtocolError('it answered with no GraphQL response');
    return result;
  }

  private request(query: string, variables?: unknown): GraphQlRequest {
    const body = JSON.stringify({ query, ...(variables === undefined ? {} : { variables }) });
    return { method: 'POST', path: this.path, headers: HEADERS, body };
  }
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

function faultsOf(args: Readonly<Record<string, unknown>>): readonly Fault[] {
  const { query, variables } = args;
  const unknown = Object.keys(args).filter((name) => !ARGUMENTS.has(name));
  const faults = unknown
    .slice(0, MAX_UNKNOWN)
    .map((name) => ({ path: name.slice(0, 64), message: 'is not an argument of this tool' }));
  if (typeof query !== 'string' || query.trim() === '')
    faults.push({ path: 'query', message: 'must be a GraphQL text' });
  if (variables !== undefined && variables !== null && !isObject(variables)) {
    faults.push({ path: 'variables', message: 'must be an object' });
  }
  return faults;
}
