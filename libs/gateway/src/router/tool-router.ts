import { type ClientFacts, HEADER_MISMATCH, INVALID_PARAMS, mismatchIn } from '#builder';
import { ComposerError } from '#kernel';
import { Log } from '#observability';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import { ScopeInsufficientError } from '../gateway.errors.js';
import { ManagementTools } from '../management/management-tools.js';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { mayManage } from '../policy/tool-policy.js';
import { type Destination, MemberCalls } from './member-calls.js';
import type { OpenCall } from './open-call.js';
import { OpenCalls } from './open-calls.js';
import type { RecordedReply } from './recorded-reply.js';

/** A call whose end is recorded. */
interface RecordedCall {
  readonly exchange: RoutedExchange;
  readonly name: string;
  readonly recorded: RecordedReply;
}

/** From a tool's name to whoever carries it out. By an exact map: no name is ever taken apart. */
@Injectable()
export class ToolRouter {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly management: ManagementTools,
    private readonly members: MemberCalls,
    private readonly calls: OpenCalls,
    private readonly log: Log,
  ) {}

  /** Starts the call; `undefined` if it is answered already or cannot be cancelled. A tool that the caller may not see is unknown. */
  route(exchange: RoutedExchange, client: ClientFacts): OpenCall | undefined {
    const { principal, message, reply } = exchange;
    const { name } = message.params;
    if (typeof name !== 'string') {
      reply.protocolError(INVALID_PARAMS, 'Invalid params: name must be a string');
      return undefined;
    }
    const entry = this.find(exchange, principal, name);
    // 2026-07-28, transports: whoever stands between may have acted on the header.
    const mismatch =
      client.era === 'modern' &&
      entry?.mirrored &&
      mismatchIn(entry.mirrored, message.params['arguments'], exchange.request.headers);
    if (mismatch) {
      reply.error(400, {
        code: HEADER_MISMATCH,
        message: `Header mismatch: ${mismatch} does not say what the body says`,
      });
      return undefined;
    }
    const destination = destinationOf(entry);
    const recorded = this.members.record(exchange, {
      kind: 'tool',
      name,
      ...(destination ? { server: destination.slot.ref.serverId } : {}),
    });
    if (!recorded) return undefined;
    const call = { exchange, name, recorded };
    if (destination) {
      return this.members.start(exchange, {
        method: 'tools/call',
        client,
        recorded,
        destination,
        findAgain: (by) => destinationOf(this.find(exchange, by, name)),
        refuse: () => this.refuse(call),
      });
    }
    if (entry && 'management' in entry.target) void this.manage(entry.target.management, call);
    else this.refuse(call);
    return undefined;
  }

  private find({ selection }: RoutedExchange, principal: Principal, name: string): CatalogEntry | undefined {
    const { byName } = this.catalog.viewFor(principal, selection).tools;
    return byName.get(name) ?? byName.get(this.management.nameOf(name) ?? '');
  }

  /** Says that there is no such tool, or which credential it takes. */
  private refuse({ exchange: { principal, selection, challengeFor }, name, recorded }: RecordedCall): void {
    const isManagement = this.management.nameOf(name) !== undefined && this.catalog.offersManagementTools;
    // RFC 6750, 3.1: whoever may do it with another credential is told which.
    if (isManagement && selection.kind === 'everything' && mayManage(principal)) {
      const error = new ScopeInsufficientError(['mcp', 'manage']);
      return recorded.refuse((reply) => reply.refuse(error, ['www-authenticate', challengeFor(error.scopes)]));
    }
    recorded.refuse((reply) => reply.protocolError(INVALID_PARAMS, `Unknown tool: ${name.slice(0, 128)}`));
  }

  private async manage(tool: string, { exchange, recorded }: RecordedCall): Promise<void> {
    this.calls.note(exchange);
    const { principal, message } = exchange;
    try {
      recorded.result(await this.management.run(tool, principal, message.params['arguments'] ?? {}));
    } catch (error) {
      if (error instanceof ComposerError && error.status < 500)
        return recorded.refuse((reply) => reply.failed(`${error.message} (${error.code})`, error.code));
      this.log.error('a management tool failed', { tool, err: error });
      const code = error instanceof ComposerError ? error.code : 'COMPOSER_INTERNAL';
      const text = `The composer could not do this (${code}). Nothing is known to have changed; look at its log.`;
      recorded.failed(text, code);
    }
  }
}

function destinationOf(entry: CatalogEntry | undefined): Destination | undefined {
  if (!entry || !('slot' in entry.target)) return undefined;
  const { mirrored, target } = entry;
  return { slot: target.slot, target: target.own, ...(mirrored ? { mirrored } : {}) };
}
