import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { TenantIssuer } from './issuer-directory.js';

/** What a client may have sent to make us believe that it came another way. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-port', 'x-real-ip'] as const;

/**
 * The request as oidc-provider is to see it: below its mount point, and under the scheme, the host and the path of the
 * issuer identifier, which is what it builds every address from.
 */
export function providerRequest(request: IncomingMessage, { issuer }: TenantIssuer, url: string): IncomingMessage {
  const { host, protocol, pathname } = new URL(issuer);
  for (const name of FORWARDED) delete request.headers[name];
  request.headers.host = host;
  request.headers['x-forwarded-host'] = host;
  request.headers['x-forwarded-proto'] = protocol.slice(0, -1);
  request.url = url;
  return Object.assign(request, { baseUrl: pathname === '/' ? '' : pathname });
}

/** The same request with another body, after its own one has been read. */
export function withBody(request: IncomingMessage, body: string): IncomingMessage {
  const { method, url, socket, httpVersion, headers } = request;
  const { baseUrl } = request as { baseUrl?: string };
  const length = String(Buffer.byteLength(body));
  const { 'transfer-encoding': _, ...kept } = headers;
  const copy = Object.assign(Readable.from([Buffer.from(body)]), {
    method,
    url,
    baseUrl,
    socket,
    httpVersion,
    headers: { ...kept, 'content-length': length, 'content-type': 'application/json' },
  });
  return copy as unknown as IncomingMessage;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string | number>>;
}

export function answerJson(response: ServerResponse, { status, body, headers = {} }: JsonAnswer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(text);
}
