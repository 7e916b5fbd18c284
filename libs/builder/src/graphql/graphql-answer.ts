import { isObject } from '#kernel';
import { MemberProtocolError } from '../builder.errors.js';
import { type OperationResponse, type OperationResult, toToolResult } from '../openapi/index.js';
import { plainText } from '../openapi/plain-text.js';

type Mask = (text: string) => string;

const MOST_ERRORS = 20;
const MAX_MESSAGE = 512;
const MAX_PATH = 256;

/**
 * Makes a tool's result of what a GraphQL service answers. Errors without data are an error result that names each with
 * its place. Data with errors is told as data, with the errors in the text before it and in the structure beside it.
 *
 * @param mask takes secrets out of a text: services like to echo what they refuse
 * @throws MemberProtocolError if it is no GraphQL response at all
 */
export function graphqlResult(answer: OperationResponse, mask: Mask): OperationResult {
  const { status } = answer;
  // GraphQL over HTTP, 6.4: what the status says comes second to a well-formed response.
  const whole = toToolResult({ ...answer, status: 200 });
  const errors = errorsIn(whole.structuredContent);
  if (errors.length === 0) return withoutErrors(answer, whole, mask);
  const told = errorText(errors, mask);
  if (!holdsData(whole.structuredContent?.['data'])) {
    return {
      content: [{ type: 'text', text: `${status < 300 ? '' : `HTTP error ${status}: `}${told}` }],
      isError: true,
    };
  }
  const masked = toToolResult({ ...answer, status: 200, body: Buffer.from(mask(answer.body.toString('utf8'))) });
  return {
    ...masked,
    content: [{ type: 'text', text: `A part of the answer is missing. ${told}` }, ...masked.content],
  };
}

function withoutErrors(answer: OperationResponse, whole: OperationResult, mask: Mask): OperationResult {
  if (answer.status < 200 || answer.status > 299) return toToolResult(answer, mask);
  // What nests too deep to be given as structure is given as text: whatever it says, the operation was carried out.
  const { structuredContent: response } = whole;
  const isResponse = response ? response['data'] !== undefined : isJson(answer.body);
  if (!isResponse) throw new MemberProtocolError('it answered with no GraphQL response');
  return whole;
}

function errorText(errors: readonly unknown[], mask: Mask): string {
  const lines = errors.slice(0, MOST_ERRORS).map((error) => `- ${mask(lineOf(error))}`);
  const more = errors.length > MOST_ERRORS ? [`- and ${errors.length - MOST_ERRORS} more`] : [];
  return ['The service reports errors:', ...lines, ...more].join('\n');
}

function lineOf(error: unknown): string {
  const { message, path, extensions } = isObject(error) ? error : {};
  const said = plainText(typeof message === 'string' ? message : 'an error without a message', MAX_MESSAGE);
  const place = Array.isArray(path) ? plainText(path.map(String).join('.'), MAX_PATH) : '';
  const code = isObject(extensions) && typeof extensions['code'] === 'string' ? plainText(extensions['code'], 64) : '';
  const notes = [place && `at ${place}`, code].filter((note) => note !== '').join(', ');
  return notes === '' ? said : `${said} (${notes})`;
}

export function errorsIn(response: unknown): readonly unknown[] {
  const errors = isObject(response) ? response['errors'] : undefined;
  return Array.isArray(errors) ? errors : [];
}

const holdsData = (data: unknown): boolean =>
  isObject(data) && Object.values(data).some((value) => value !== null && value !== undefined);

export function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
