import {
  type ForwardedMethod,
  HEADER_MISMATCH,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  INVALID_REQUEST,
  LEGACY_VERSIONS,
  LIST_KINDS,
  type ListKind,
  META_CAPABILITIES,
  META_LOG_LEVEL,
  META_SUBSCRIPTION,
  META_VERSION,
  METHOD_NOT_FOUND,
  MODERN_VERSION,
  NAMED_BY,
  UNSUPPORTED_VERSION,
  decodeHeader,
  isLogLevel,
  isUrgentFor,
  modernFacts,
} from '#builder';
import { isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import { slugOf } from '../catalog/selection.js';
import { noticesOf } from './list-notices.js';
import { ModernAsking } from './modern-asking.js';
import { OfferedLists } from './offered-lists.js';
import { ChangeStreams } from '../mcp-endpoint/change-streams.js';
import { type McpExchange, headerOf } from '../mcp-endpoint/mcp-exchange.js';
import type { Granted } from '../subscriptions/subscription-requests.js';
import { RequestRouter, isForwarded } from '../router/request-router.js';

export const SUPPORTED_VERSIONS: readonly string[] = [MODERN_VERSION, ...LEGACY_VERSIONS];

/** Revision 2026-07-28: no handshake, no session, every request says all that is needed to answer it. */
@Injectable()
export class ModernEra {
  constructor(
    private readonly lists: OfferedLists,
    private readonly router: RequestRouter,
    private readonly streams: ChangeStreams,
    private readonly asking: ModernAsking,
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
      case 'subscriptions/listen':
        return this.listen(exchange);
      default:
        if (isForwarded(message.method, 'modern')) return this.forward(exchange, message.method);
        if (this.lists.answer(exchange, 'modern')) return;
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
    const named = NAMED_BY.get(message.method);
    if (named && (name === undefined || decodeHeader(name) !== message.params[named])) {
      return this.mismatch(reply, 'Mcp-Name');
    }
    return true;
  }

  private mismatch(reply: McpExchange['reply'], header: string): false {
    reply.error(400, { code: HEADER_MISMATCH, message: `Header mismatch: ${header} does not say what the body says` });
    return false;
  }

  private discovery({ principal, selection }: McpExchange): object {
    return {
      supportedVersions: SUPPORTED_VERSIONS,
      ...this.lists.factsFor(principal, selection, 'modern'),
      ttlMs: 0,
      cacheScope: 'private',
    };
  }

  private forward(exchange: McpExchange, method: ForwardedMethod): void {
    const client = modernFacts(exchange.message.params);
    this.asking.carryOut(exchange, client, (asked) => this.router.route(asked, method, client));
  }

  private listen(exchange: McpExchange): void {
    const { principal } = exchange;
    const key = `${principal.tenantId}/${principal.id}/${++subscriptions}`;
    const opened = (granted: Granted) => this.openStream(exchange, key, granted);
    if (!this.router.subscriptions.listen(exchange, key, opened)) this.openStream(exchange, key);
  }

  private openStream(exchange: McpExchange, key: string, { uris, taskIds }: Granted = NOTHING): void {
    const { principal, request, selection, message, reply } = exchange;
    const kinds = kindsIn(message.params['notifications']);
    const hears = kinds.size > 0 || uris.length > 0 || taskIds.length > 0;
    const _meta = { [META_SUBSCRIPTION]: message.id };
    const level = isObject(message.params['_meta']) ? message.params['_meta'][META_LOG_LEVEL] : undefined;
    const stream = {
      principal,
      client: modernFacts(message.params),
      request,
      slug: slugOf(selection),
      key,
      reply,
      notices: noticesOf(kinds, { _meta }),
      meta: _meta,
      // Log messages are for those who ask for them.
      takesWarnings: () => isLogLevel(level) && isUrgentFor('warning', level),
      farewell: Buffer.from(
        JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', _meta } }),
      ),
    };
    if (hears && !this.streams.add(stream))
      return reply.protocolError(INTERNAL_ERROR, 'Too many open streams; try again later');
    reply.openStream();
    const notifications = {
      ...Object.fromEntries([...kinds].map((kind) => [filterOf(kind), true])),
      ...(uris.length > 0 ? { resourceSubscriptions: uris } : {}),
      ...(taskIds.length > 0 ? { taskIds } : {}),
    };
    const params = { _meta, notifications };
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
const NOTHING: Granted = { uris: [], taskIds: [] };

const filterOf = (kind: ListKind): string => `${kind}ListChanged`;

/** The lists of whose changes a client wants to hear. */
function kindsIn(wanted: unknown): ReadonlySet<ListKind> {
  return new Set(isObject(wanted) ? [...LIST_KINDS].filter((kind) => wanted[filterOf(kind)] === true) : []);
}
