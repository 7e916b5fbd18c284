/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

// Framing, routing, identity and the gateway's own headers; `accept`, `content-type` and `authorization` parameters
// are to be ignored by OpenAPI 3.1.1, 4.8.12.1. Credentials are placed by the member's auth strategy, and by it alone.
const FORBIDDEN = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);
const FORBIDDEN_PREFIXES = ['proxy-', 'x-forwarded-', 'mcp-', ':'];

/** Whether a header of this name may be set from a tool's arguments. */
export function isHeaderAllowed(name: string): boolean {
  const lower = name.toLowerCase();
  return TOKEN.test(name) && !FORBIDDEN.has(lower) && !FORBIDDEN_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

/** Whether a cookie may have this name (RFC 6265, 4.1.1). */
export const isCookieName = (name: string): boolean => TOKEN.test(name);

/**
 * Whether a value can be sent in a header as it is: ISO-8859-1 without control characters but the tab
 * (RFC 9110, 5.5). Everything that could end the line is among what is refused.
 */
export const isHeaderValue = (value: string): boolean => /^[\t\x20-\x7e\xa0-\xff]*$/.test(value);
