import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { CallerIdentity, ForeignOriginError, RequestOrigin, type Verdict } from '#access';
import { MemberPool } from '#builder';
import { McpEndpoint } from '#gateway';
import { ComposerError } from '#kernel';
import { Log } from '#observability';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { NotLoadedError } from './http.errors.js';
import { problemOf } from './problem.js';

/** Not of JSON-RPC's reserved range: the request was refused before anybody looked at its message. */
const REFUSED = -32000;

/**
 * Stands before everything on the port: judges Host and Origin, takes MCP requests to the gateway without Nest's
 * pipeline, and leaves the rest to Nest.
 */
@Injectable()
export class FrontListener {
  constructor(
    private readonly origin: RequestOrigin,
    private readonly identity: CallerIdentity,
    private readonly pool: MemberPool,
    private readonly endpoint: McpEndpoint,
    private readonly log: Log,
  ) {}

  handle(request: IncomingMessage, response: ServerResponse, nest: RequestListener): void {
    const isMcp = isMcpPath(request.url ?? '');
    if (!this.origin.isAllowed(request.headers)) return refuse(response, new ForeignOriginError(), isMcp);
    if (!isMcp) return void nest(request, response);
    const verdict = this.identity.identify(request);
    if (verdict instanceof Promise) void verdict.then((late) => this.serve(request, response, late));
    else this.serve(request, response, verdict);
  }

  private serve(request: IncomingMessage, response: ServerResponse, { principal, refusal }: Verdict): void {
    if (!principal) {
      if (refusal.status >= 500) this.log.error('a caller could not be identified', { err: refusal });
      return refuse(response, refusal, true);
    }
    if (this.pool.isLoaded(principal.tenantId)) return this.endpoint.handle(request, response, principal);
    void this.loadFirst(request, response, principal);
  }

  private async loadFirst(request: IncomingMessage, response: ServerResponse, principal: Principal): Promise<void> {
    const { tenantId: tenant } = principal;
    try {
      await this.pool.load(tenant);
      this.endpoint.handle(request, response, principal);
    } catch (error) {
      this.log.error('the members of a tenant could not be loaded', { tenant, err: error });
      refuse(response, error instanceof ComposerError ? error : new NotLoadedError(error), true);
    }
  }
}

/** Exactly `/mcp`, with or without a query. */
function isMcpPath(url: string): boolean {
  return url === '/mcp' || url.startsWith('/mcp?');
}

function refuse(response: ServerResponse, error: ComposerError, isMcp: boolean): void {
  const { code, message } = error;
  const problem = problemOf(error, randomUUID());
  const body = isMcp ? { jsonrpc: '2.0', error: { code: REFUSED, message, data: { code } } } : problem;
  const text = JSON.stringify(body);
  response.writeHead(problem.status, {
    'content-type': isMcp ? 'application/json' : 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }),
    connection: 'close',
  });
  response.end(text);
}
