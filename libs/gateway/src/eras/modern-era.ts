import {
  COMPOSER_INFO,
  HEADER_MISMATCH,
  INVALID_PARAMS,
  INVALID_REQUEST,
  LEGACY_VERSIONS,
  META_CAPABILITIES,
  META_LOG_LEVEL,
  META_SERVER_INFO,
  META_SUBSCRIPTION,
  META_VERSION,
  METHOD_NOT_FOUND,
  MODERN_VERSION,
  UNSUPPORTED_VERSION,
  decodeHeader,
} from '#builder';
import { isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import { slugOf } from '../catalog/selection.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import { isLogLevel, takesWarnings } from './log-level.js';
import { instructionsFor, listResult } from './list-result.js';
import { Elicitations } from '../consent/elicitations.js';
import { ChangeStreams } from '../mcp-endpoint/change-streams.js';
import { type McpExchange, headerOf } from '../mcp-endpoint/mcp-exchange.js';
import { ToolRouter } from '../router/tool-router.js';

export const SUPPORTED_VERSIONS: readonly string[] = [MODERN_VERSION, ...LEGACY_VERSIONS];

/** Revision 2026-07-28: no handshake, no session, every request says all that is needed to answer it. */
@Injectable()
export class ModernEra {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly router: ToolRouter,
    private readonly streams: ChangeStreams,
    private readonly elicitations: Elicitations,
  ) {}

  handle(exchange: McpExchange): void {
    const { message, reply } = exchange;
    if (message.method === undefined)
      return reply.error(400, {
        code: INVALID_REQUEST,
        message: 'Invalid Request: clients send no responses in this revision',
      });
    if (message.id === undefined) return reply.empty(202);
    if (!this.admits(exchange)) return;
    switch (message.method) {
      case 'server/discover':
        return reply.result(this.discovery(exchange));
      case 'tools/list':
        return this.list(exchange);
      case 'tools/call':
        return this.call(exchange);
      case 'subscriptions/listen':
        return this.listen(exchange);
      default:
        return reply.protocolError(METHOD_NOT_FOUND, `Method not found: ${message.method.slice(0, 128)}`);
    }
  }

  /** 2026-07-28, basic and transports: what a request must say about itself, and headers that must say the same. */
  private admits({ message, request, reply }: McpExchange): boolean {
    const meta = message.params['_meta'];
    if (!isObject(meta) || typeof meta[META_VERSION] !== 'string' || !isObject(meta[META_CAPABILITIES])) {
      const missing = `params._meta needs "${META_VERSION}" and "${META_CAPABILITIES}"`;
      reply.error(400, { code: INVALID_PARAMS, message: `Invalid params: ${missing}` });
      return false;
    }
    const version = headerOf(request, 'mcp-protocol-version');
    if (version !== meta[META_VERSION]) return this.mismatch(reply, 'MCP-Protocol-Version');
    if (version !== MODERN_VERSION) {
      reply.error(400, {
        code: UNSUPPORTED_VERSION,
        message: 'Unsupported protocol version',
        data: { supported: SUPPORTED_VERSIONS, requested: version },
      });
      return false;
    }
    if (headerOf(request, 'mcp-method') !== message.method) return this.mismatch(reply, 'Mcp-Method');
    const name = headerOf(request, 'mcp-name');
    if (message.method === 'tools/call' && (name === undefined || decodeHeader(name) !== message.params['name'])) {
      return this.mismatch(reply, 'Mcp-Name');
    }
    return true;
  }

  private mismatch(reply: McpExchange['reply'], header: string): false {
    reply.error(400, { code: HEADER_MISMATCH, message: `Header mismatch: ${header} does not say what the body says` });
    return false;
  }

  private discovery({ selection }: McpExchange): object {
    return {
      supportedVersions: SUPPORTED_VERSIONS,
      capabilities: { tools: { listChanged: true }, logging: {} },
      instructions: instructionsFor(selection),
      ttlMs: 0,
      cacheScope: 'private',
    };
  }

  private list({ principal, selection, message, reply }: McpExchange): void {
    const page = this.catalog.page(principal, message.params['cursor'], selection);
    if (!page) return reply.protocolError(INVALID_PARAMS, 'Invalid params: this cursor was not given out here');
    const outcomes = this.catalog.outcomes(principal, selection);
    const meta = { [META_SERVER_INFO]: COMPOSER_INFO };
    reply.resultBytes(listResult(page, outcomes, { resultType: 'complete', ttlMs: 0, cacheScope: 'private', meta }));
  }

  private call(exchange: McpExchange): void {
    const message = this.elicitations.prepareModern(exchange);
    if (!message) return;
    const running = this.router.route({ ...exchange, message }, 'modern');
    // 2026-07-28, transports: a client that closes the stream has cancelled the request.
    if (running) exchange.reply.onAbandoned(() => running.cancel());
  }

  private listen({ principal, request, selection, message, reply }: McpExchange): void {
    const wanted = message.params['notifications'];
    const hears = isObject(wanted) && wanted['toolsListChanged'] === true;
    const _meta = { [META_SUBSCRIPTION]: message.id };
    const level = isObject(message.params['_meta']) ? message.params['_meta'][META_LOG_LEVEL] : undefined;
    const stream = {
      principal,
      request,
      slug: slugOf(selection),
      key: `${principal.tenantId}/${principal.id}/${++subscriptions}`,
      reply,
      notice: Buffer.from(
        JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { _meta } }),
      ),
      meta: _meta,
      // Log messages are for those who ask for them.
      takesWarnings: () => isLogLevel(level) && takesWarnings(level),
      farewell: Buffer.from(
        JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', _meta } }),
      ),
    };
    if (hears && !this.streams.add(stream))
      return reply.protocolError(-32603, 'Too many open streams; try again later');
    reply.openStream();
    const params = { _meta, notifications: hears ? { toolsListChanged: true } : {} };
    reply.event([
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params })),
    ]);
    if (!hears) {
      reply.event([stream.farewell]);
      reply.endStream();
    }
  }
}

let subscriptions = 0;
