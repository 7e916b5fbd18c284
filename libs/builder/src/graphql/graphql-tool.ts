import { type Fault, isObject } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import type { RequestTool } from '../members/request-tool-call.js';
import { InvalidArgumentsError, type OperationResponse, toToolResult } from '../openapi/index.js';
import { errorsIn, graphqlResult, isJson } from './graphql-answer.js';
import type { GraphqlEndpoint, GraphqlRequest } from './graphql-endpoint.js';
import { type OperationLimits, type Variables, enforceLimits } from './operation-limits.js';
import { parseOperation } from './parse-operation.js';

const ARGUMENTS = new Set(['query', 'variables']);
/** Unknown arguments that are named. */
const MAX_UNKNOWN = 20;

export interface GraphqlToolParts {
  /** As clients of the member's own list know it: the id of the server. */
  readonly name: string;
  readonly endpoint: GraphqlEndpoint;
  readonly limits: OperationLimits;
}

/**
 * The one tool of a GraphQL service: sends any operation, as the GraphQL-over-HTTP specification says it in JSON. An
 * answer with `errors` is an error result that keeps the data that came with them.
 */
export class GraphqlTool implements RequestTool {
  constructor(private readonly parts: GraphqlToolParts) {}

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

  requestFor(args: Readonly<Record<string, unknown>>): GraphqlRequest {
    const { name, endpoint, limits } = this.parts;
    const faults = faultsOf(args);
    if (faults.length > 0) throw new InvalidArgumentsError(name, faults);
    const query = String(args['query']);
    const variables = (args['variables'] ?? undefined) as Variables | undefined;
    enforceLimits(parseOperation(query), variables ?? {}, limits);
    return endpoint.post(query, variables);
  }

  resultOf(answer: OperationResponse): object {
    const { mask } = this.parts.endpoint;
    const result = toToolResult(answer, mask);
    if (result.isError) return graphqlResult(answer, mask);
    const { structuredContent: response } = result;
    // Services like to echo what they refuse, and say so under HTTP 200.
    if (errorsIn(response).length > 0) {
      return { ...toToolResult({ ...answer, body: Buffer.from(mask(answer.body.toString('utf8'))) }), isError: true };
    }
    // What nests too deep to be given as structure is given as text: whatever it says, the operation was carried out.
    const isResponse = response ? response['data'] !== undefined : isJson(answer.body);
    if (!isResponse) throw new MemberProtocolError('it answered with no GraphQL response');
    return result;
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
