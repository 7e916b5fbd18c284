import { z } from 'zod';

/** Header names that a credential may not take: they steer the connection, the message or the protocol. */
const RESERVED =
  /^(host|content-(length|type|encoding)|transfer-encoding|connection|keep-alive|te|trailer|upgrade|http2-settings|expect|accept|accept-encoding|last-event-id|forwarded|x-forwarded-.*|proxy-.*|mcp-.*)$/i;

/** RFC 9110 5.6.2: a token. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Text that may stand in a header value: visible ASCII, blanks and tabs, so nothing can end the line. */
export const headerText = z
  .string()
  .max(16_384, 'is too long: 16384 characters at most')
  .regex(/^[\t\x20-\x7e]*$/, 'holds characters that a header cannot carry: visible ASCII only, no line ends');

export const requiredHeaderText = headerText.min(1, 'is empty');

export const headerName = z
  .string()
  .max(128, 'is too long: 128 characters at most')
  .regex(TOKEN, 'is not a header name')
  .refine((name) => !RESERVED.test(name), 'is a header that the protocol itself uses');
