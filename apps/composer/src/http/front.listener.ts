import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type Admission, ForeignOriginError, McpGate, type McpPath, RequestOrigin, parseMcpPath } from '#access';
import { MemberPool } from '#builder';
import { type McpCaller, McpEndpoint } from '#gateway';
import { ComposerError, type TenantId } from '#kernel';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import { NotLoadedError } from './http.errors.js';
import { problemOf } from './problem.js';

/** Not of JSON-RPC's reserved range: the request was refused before anybody looked at its message. */
const REFUSED = -32000;

interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: McpPath;
}

/**
 * Stands before everything on the port: judges Host and Origin, takes MCP requests to the gateway without Nest's
 * pipeline, and leaves the rest to Nest.
 */
@Injectable()
export class FrontListener {
  constructor(
    private readonly origin: RequestOrigin,
    private readonly gate: McpGate,
    private readonly pool: MemberPool,
    private readonly endpoint: McpEndpoint,
    private readonly log: Log,
  ) {}

  handle(request: IncomingMessage, response: ServerResponse, nest: RequestListener): void {
    const path = parseMcpPath(request.url ?? '');
    if (!this.origin.isAllowed(request.headers, request)) {
      return refuse(response, new ForeignOriginError(), { isMcp: path !== undefined });
    }
    if (!path) return void nest(request, response);
    const admission = this.gate.admit(request, path);
    if (admission instanceof Promise) void admission.then((late) => this.serve({ request, response, path }, late));
    else this.serve({ request, response, path }, admission);
  }

  private serve({ request, response, path }: Arrival, admission: Admission): void {
    const caller = this.callerOf({ request, response, path }, admission);
    if (!caller) return;
    if (this.pool.isLoaded(caller.principal.tenantId)) return this.endpoint.handle(request, response, caller);
    void this.loadFirst({ request, response, path }, caller.principal.tenantId);
  }

  /** Answers if there is none. */
  private callerOf({ response, path }: Arrival, admission: Admission): McpCaller | undefined {
    if (!admission.refusal) {
      const { principal, isElsewhere } = admission;
      return { principal, isElsewhere, ...(path.slug === undefined ? {} : { slug: path.slug }) };
    }
    const { refusal, challenge } = admission;
    if (refusal.status >= 500) this.log.error('a caller could not be identified', { err: refusal });
    refuse(response, refusal, { isMcp: true, challenge });
    return undefined;
  }

  private async loadFirst(arrival: Arrival, tenant: TenantId): Promise<void> {
    const { request, response, path } = arrival;
    try {
      await this.pool.load(tenant);
      // That took a while: who was let in before it may not be any more.
      const caller = this.callerOf(arrival, await this.gate.admit(request, path));
      if (caller) this.endpoint.handle(request, response, caller);
    } catch (error) {
      this.log.error('the members of a tenant could not be loaded', { tenant, err: error });
      refuse(response, error instanceof ComposerError ? error : new NotLoadedError(error), { isMcp: true });
    }
  }
}

interface Refused {
  readonly isMcp: boolean;
  readonly challenge?: string | undefined;
}

function refuse(response: ServerResponse, error: ComposerError, { isMcp, challenge }: Refused): void {
  const { code, message } = error;
  const problem = problemOf(error, randomUUID());
  const fault = { code: REFUSED, message, data: { code } };
  const text = JSON.stringify(isMcp ? { jsonrpc: '2.0', error: fault } : problem);
  response.writeHead(problem.status, {
    'content-type': isMcp ? 'application/json' : 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
    ...(error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) }),
    connection: 'close',
  });
  response.end(text);
}
