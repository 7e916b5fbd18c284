import type { Era, RunningCall } from '#builder';
import { ComposerError } from '#kernel';
import { Log } from '#observability';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import { ManagementTools } from '../management/management-tools.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';

/** From a tool's full name to whoever carries it out. By an exact map: no name is ever taken apart. */
@Injectable()
export class ToolRouter {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly management: ManagementTools,
    private readonly log: Log,
  ) {}

  /** Starts the call; `undefined` if it is answered already or cannot be cancelled. A tool that the caller may not see is unknown. */
  route(exchange: McpExchange, era: Era): RunningCall | undefined {
    const { principal, message, reply, request } = exchange;
    const { name } = message.params;
    const entry = typeof name === 'string' ? this.find(principal, name) : undefined;
    if (!entry) {
      reply.protocolError(
        -32602,
        typeof name === 'string' ? `Unknown tool: ${name.slice(0, 128)}` : 'Invalid params: name must be a string',
      );
      return undefined;
    }
    const { target } = entry;
    if ('management' in target) {
      void this.manage(target.management, exchange);
      return undefined;
    }
    const { slot, tool } = target;
    if (!slot.member) {
      reply.toolError(
        `Server "${slot.ref.serverId}" cannot serve: ${slot.problem ?? 'it could not be built'}. Tell an administrator.`,
      );
      return undefined;
    }
    return slot.member.call({ tool, message, era, headers: request.headers }, reply);
  }

  private find(principal: Principal, name: string): CatalogEntry | undefined {
    const { byName } = this.catalog.viewFor(principal);
    return byName.get(name) ?? byName.get(this.management.nameOf(name) ?? '');
  }

  private async manage(tool: string, { principal, message, reply }: McpExchange): Promise<void> {
    try {
      reply.result(await this.management.run(tool, principal, message.params['arguments'] ?? {}));
    } catch (error) {
      if (error instanceof ComposerError && error.status < 500)
        return reply.toolError(`${error.message} (${error.code})`);
      this.log.error('a management tool failed', { tool, err: error });
      const code = error instanceof ComposerError ? error.code : 'COMPOSER_INTERNAL';
      reply.toolError(`The composer could not do this (${code}). Nothing is known to have changed; look at its log.`);
    }
  }
}
