import type { RequestTool } from '../members/request-tool-call.js';
import { isDeeperThan } from '../openapi/bounded-json.js';
import { type OpenApiOperation, type OperationResponse, buildRequest, toToolResult } from '../openapi/index.js';
import { argumentsOf } from './grouped-arguments.js';

interface LayeredToolParts {
  readonly endpoint: URL;
  /** Takes known secrets out of a text. */
  readonly mask: (text: string) => string;
}

/** Of the text of an answer that is no success. */
const MAX_ERROR_CHARS = 8_192;
const MAX_DEPTH = 64;

/** An operation as `make_tool_call` calls it: the same request as that of its own tool, told in the original's shape. */
export function layeredTool(operation: OpenApiOperation, { endpoint, mask }: LayeredToolParts): RequestTool {
  const service = operation.facts?.operationId ?? operation.name;
  return {
    requestFor: ({ request }) => buildRequest(operation, argumentsOf(operation, request), endpoint),
    resultOf: (answer) => {
      const { content, data } = isSuccess(answer) ? told(answer, mask) : refused(answer, mask);
      // The original calls it a success whenever the service has answered.
      const structuredContent = { success: true, service, status_code: answer.status, data };
      return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }, ...content], structuredContent };
    },
  };
}

interface ToldAnswer {
  /** What is no text, as the operation's own tool gives it. */
  readonly content: readonly object[];
  readonly data: unknown;
}

const isSuccess = ({ status }: OperationResponse): boolean => status >= 200 && status < 300;

function told(answer: OperationResponse, mask: (text: string) => string): ToldAnswer {
  const { content, structuredContent } = toToolResult(answer, mask);
  const [first] = content;
  if (first?.type !== 'text') return { content, data: null };
  if (answer.body.length === 0) return { content: [], data: '' };
  if (!structuredContent) return { content: [], data: first.text };
  const isWrapped = !first.text.trimStart().startsWith('{');
  return { content: [], data: isWrapped ? structuredContent['result'] : structuredContent };
}

/** Services like to echo what they refuse. */
function refused({ body }: OperationResponse, mask: (text: string) => string): ToldAnswer {
  const text = mask(body.subarray(0, MAX_ERROR_CHARS * 4).toString('utf8')).slice(0, MAX_ERROR_CHARS);
  if (isDeeperThan(text, MAX_DEPTH)) return { content: [], data: text };
  try {
    return { content: [], data: JSON.parse(text) };
  } catch {
    return { content: [], data: text };
  }
}
