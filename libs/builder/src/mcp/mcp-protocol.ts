import { isUtf8 } from 'node:buffer';

/** Names and numbers of the Model Context Protocol that both ends of the composer use. */

export const MODERN_VERSION = '2026-07-28';
/** Revisions with a handshake, newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;
export const LATEST_LEGACY_VERSION = LEGACY_VERSIONS[0];

/** Keys of `_meta` that every request of revision 2026-07-28 carries. */
export const META_VERSION = 'io.modelcontextprotocol/protocolVersion';
export const META_CLIENT_INFO = 'io.modelcontextprotocol/clientInfo';
export const META_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
export const META_SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
export const META_LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
export const META_SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

/** Which of the params the header `Mcp-Name` repeats (2026-07-28, transports), by method. */
export const NAMED_BY: ReadonlyMap<string | undefined, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
  ['tasks/get', 'taskId'],
  ['tasks/update', 'taskId'],
  ['tasks/cancel', 'taskId'],
]);

/** Error codes of revision 2026-07-28; JSON-RPC's own ones besides. */
export const HEADER_MISMATCH = -32020;
export const MISSING_CAPABILITY = -32021;
export const UNSUPPORTED_VERSION = -32022;
export const INVALID_REQUEST = -32600;
/** Of the legacy era; 2026-07-28 has `INVALID_PARAMS` in its place. */
export const RESOURCE_NOT_FOUND = -32002;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;

/** How the composer names itself to members and clients. */
export const COMPOSER_INFO = { name: 'mcp-composer', title: 'MCP Composer', version: '0.1.0' } as const;

const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;
const ENCODED = /^=\?base64\?(.*)\?=$/;

/** A value of an `Mcp-…` header; what a header cannot carry goes as base64 (2026-07-28, transports, header encoding). */
export function encodeHeader(value: string): string {
  return PLAIN.test(value) && !ENCODED.test(value) ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`;
}

/** Undefined also for what claims to be base64 and is not as `encodeHeader` writes it, or is no text. */
export function decodeHeader(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const trimmed = value.trim();
  const encoded = ENCODED.exec(trimmed)?.[1];
  if (encoded === undefined) return trimmed;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded && isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}
