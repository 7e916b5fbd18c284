import { type Json, type JsonObject, isObject } from '#kernel';
import {
  type Mask,
  type OperationResponse,
  errorText,
  isPicture,
  looksLikeJson,
  reasonOf,
  sizeOf,
  textOfAnswer,
  typeOfAnswer,
} from './answer-text.js';
import { isDeeperThan, plainCopy } from './bounded-json.js';
import { conforms } from './conforming.js';
import { essenceOf } from './media-type.js';

export type ToolContent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image' | 'audio'; readonly data: string; readonly mimeType: string }
  | {
      readonly type: 'resource';
      readonly resource: { readonly uri: string; readonly mimeType: string; readonly blob: string };
    };

/** The members of MCP's `CallToolResult` that an HTTP answer can fill. */
export interface OperationResult {
  readonly content: readonly ToolContent[];
  readonly structuredContent?: JsonObject;
  readonly isError?: true;
}

/** What a tool says of its results. */
export interface ToolPromise {
  /** Of `structuredContent`. */
  readonly outputSchema?: JsonObject | undefined;
  /** What the answer is if it does not say so itself. */
  readonly answerType?: string | undefined;
}

/** Blobs beyond this are only described: as base64 in a result they serve no client. */
const MAX_BLOB_BYTES = 1024 * 1024;
const JSON_LIMITS = { maxDepth: 64, maxNodes: 1_000_000 };
/** An embedded resource must have a URI; this one says where it came from and cannot be read. */
const BLOB_URI = 'urn:mcp-composer:response';

/** Where an answer stands in `structuredContent` that is not what the tool's `outputSchema` says. */
const UNDOCUMENTED = 'undocumented_answer';

/**
 * Makes a tool's result of an HTTP answer. JSON is both the text as received and `structuredContent` (a value that is
 * no object under `result`); everything but 2xx is an error result. Of a tool with an output schema every result but
 * an error has `structuredContent`, and it conforms, whatever was answered. Never throws: what cannot be understood is
 * told as text, and what nests too deep or is not UTF-8 is not passed on as structure.
 *
 * @param mask takes secrets out of the text of an error: services like to echo what they refuse
 */
export function toToolResult(
  response: OperationResponse,
  mask: Mask = (text) => text,
  { outputSchema, answerType }: ToolPromise = {},
): OperationResult {
  const { status, body } = response;
  if (status < 200 || status > 299) return { ...textResult(errorText(response, mask)), isError: true };
  if (body.length === 0) {
    const result = textResult(`HTTP ${status} ${reasonOf(response)}`.trimEnd());
    return outputSchema ? { ...result, structuredContent: {} } : result;
  }
  const declared = answerType ?? (outputSchema && 'application/json');
  const contentType = typeOfAnswer(response, response.contentType ? answerType : declared);
  const { result, text, json } = readResult(body, contentType);
  const structuredContent = outputSchema ? promised(outputSchema, text, json) : json && wrapped(json.value);
  return { ...result, ...(structuredContent && { structuredContent }) };
}

/** What a body is: a result, the text of it if it has one, and what that means as JSON. */
interface ReadBody {
  readonly result: OperationResult;
  readonly text?: string;
  readonly json?: { readonly value: Json } | undefined;
}

function readResult(body: Buffer, contentType: string | undefined): ReadBody {
  const essence = essenceOf(contentType);
  if (isPicture(essence)) return { result: mediaResult('image', essence, body) };
  if (essence.startsWith('audio/')) return { result: mediaResult('audio', essence, body) };
  const text = textOfAnswer(body, contentType);
  if (text === undefined) return { result: blobResult(essence, body) };
  return { result: textResult(text), text, json: looksLikeJson(essence, text) ? parsed(text) : undefined };
}

const wrapped = (value: Json): JsonObject => (isObject(value) ? value : { result: value });

// No schema requires anything or forbids a further member, so that one under a name of ours conforms.
function promised(schema: JsonObject, text: string | undefined, json: ReadBody['json']): JsonObject {
  if (text === undefined) return {};
  if (json && conforms(schema, wrapped(json.value), text.length)) return wrapped(json.value);
  const undocumented = { [UNDOCUMENTED]: json ? json.value : text };
  return conforms(schema, undocumented, text.length) ? undocumented : {};
}

const textResult = (text: string): OperationResult => ({ content: [{ type: 'text', text }] });

function parsed(text: string): { readonly value: Json } | undefined {
  if (isDeeperThan(text, JSON_LIMITS.maxDepth)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  // Copying costs; only keys that touch prototypes, also when written with escapes, make it necessary.
  const isSuspect = /__proto__|"constructor"|\\u00/.test(text);
  const copy = isSuspect ? plainCopy(value, JSON_LIMITS) : { value: value as Json };
  return 'excess' in copy ? undefined : copy;
}

function mediaResult(type: 'image' | 'audio', mimeType: string, body: Buffer): OperationResult {
  return { content: [{ type, data: body.toString('base64'), mimeType }] };
}

function blobResult(essence: string, body: Buffer): OperationResult {
  const mimeType = essence || 'application/octet-stream';
  if (body.length > MAX_BLOB_BYTES)
    return textResult(`The answer is ${sizeOf(essence, body)}, too large to be passed on.`);
  return { content: [{ type: 'resource', resource: { uri: BLOB_URI, mimeType, blob: body.toString('base64') } }] };
}
