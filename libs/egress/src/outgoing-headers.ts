import { EgressRequestError } from './egress.errors.js';

export type OutgoingHeaders = Readonly<Record<string, string | readonly string[]>>;

const MAX_COUNT = 100;
const MAX_BYTES = 32 * 1024;
/** RFC 9110 section 5.1 and 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 section 5.5 without obs-text: what every server reads alike. */
const VALUE = /^[\t\x20-\x7e]*$/;
/** Ours to set: they frame the message, or name the host that was judged. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Copies headers with lower-case names, and asks for an answer without coding. Refuses what could break out of its
 * line or contradict the message around it.
 * @throws EgressRequestError names the header where that is safe, never its value
 */
export function outgoingHeaders(headers: OutgoingHeaders): Record<string, string | string[]> {
  const copy: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  let bytes = 0;
  for (const [written, value] of Object.entries(headers)) {
    const name = written.toLowerCase();
    if (!TOKEN.test(name) || name.length > 128) throw new EgressRequestError('a header name is not a token');
    if (RESERVED.has(name)) throw new EgressRequestError(`the header ${name} cannot be set`);
    if (name in copy) throw new EgressRequestError(`the header ${name} is given twice`);

    const values = typeof value === 'string' ? [value] : [...value];
    if (!values.every((one) => VALUE.test(one))) {
      throw new EgressRequestError(`the value of the header ${name} has characters other than printable ASCII`);
    }
    copy[name] = typeof value === 'string' ? value : values;
    bytes += values.reduce((sum, one) => sum + name.length + one.length + 4, 0);
  }
  if (Object.keys(copy).length > MAX_COUNT || bytes > MAX_BYTES) {
    throw new EgressRequestError(`more than ${MAX_COUNT} headers or ${MAX_BYTES} bytes of them`);
  }
  copy['accept-encoding'] = 'identity';
  copy['user-agent'] ??= 'mcp-composer';
  return copy;
}
