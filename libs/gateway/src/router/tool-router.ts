import { AuditBacklogError } from '#audit';
import { type Era, INTERNAL_ERROR, INVALID_PARAMS, type RunningCall } from '#builder';
import { ComposerError } from '#kernel';
import { Log } from '#observability';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import { ManagementTools } from '../management/management-tools.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { type CalledTool, CallRecorder } from './call-recorder.js';
import type { RecordedReply } from './recorded-reply.js';

/** From a tool's full name to whoever carries it out. By an exact map: no name is ever taken apart. */
@Injectable()
export class ToolRouter {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly management: ManagementTools,
    private readonly recorder: CallRecorder,
    private readonly log: Log,
  ) {}

  /** Starts the call; `undefined` if it is answered already or cannot be cancelled. A tool that the caller may not see is unknown. */
  route(exchange: McpExchange, era: Era): RunningCall | undefined {
    const { principal, message, reply, request } = exchange;
    const { name } = message.params;
    if (typeof name !== 'string') {
      reply.protocolError(INVALID_PARAMS, 'Invalid params: name must be a string');
      return undefined;
    }
    const target = this.find(principal, name)?.target;
    const recorded = this.begin(exchange, {
      name,
      ...(target && 'slot' in target ? { server: target.slot.ref.serverId } : {}),
    });
    if (!recorded) return undefined;
    if (!target) {
      recorded.refuse((to) => to.protocolError(INVALID_PARAMS, `Unknown tool: ${name.slice(0, 128)}`));
      return undefined;
    }
    if ('management' in target) {
      void this.manage(target.management, exchange, recorded);
      return undefined;
    }
    const { slot, tool } = target;
    if (!slot.member) {
      recorded.toolError(
        `Server "${slot.ref.serverId}" cannot serve: ${slot.problem ?? 'it could not be built'}. Tell an administrator.`,
      );
      return undefined;
    }
    return cancellable(slot.member.call({ tool, message, era, headers: request.headers }, recorded), recorded);
  }

  /** `undefined`: the call cannot be recorded, so it is not made, and its caller knows. */
  private begin(exchange: McpExchange, tool: CalledTool): RecordedReply | undefined {
    try {
      return this.recorder.begin(exchange, tool);
    } catch (error) {
      if (!(error instanceof AuditBacklogError)) throw error;
      const { status, code, message } = error;
      exchange.response.setHeader('retry-after', '2');
      exchange.reply.error(status, { code: INTERNAL_ERROR, message, data: { code } });
      return undefined;
    }
  }

  private find(principal: Principal, name: string): CatalogEntry | undefined {
    const { byName } = this.catalog.viewFor(principal);
    return byName.get(name) ?? byName.get(this.management.nameOf(name) ?? '');
  }

  private async manage(tool: string, { principal, message }: McpExchange, reply: RecordedReply): Promise<void> {
    try {
      reply.result(await this.management.run(tool, principal, message.params['arguments'] ?? {}));
    } catch (error) {
      if (error instanceof ComposerError && error.status < 500)
        return reply.refuse((to) => to.toolError(`${error.message} (${error.code})`));
      this.log.error('a management tool failed', { tool, err: error });
      const code = error instanceof ComposerError ? error.code : 'COMPOSER_INTERNAL';
      reply.toolError(`The composer could not do this (${code}). Nothing is known to have changed; look at its log.`);
    }
  }
}

/** A call that its caller cancels is recorded too. */
function cancellable(call: RunningCall, recorded: RecordedReply): RunningCall {
  return {
    cancel: () => {
      recorded.noteCancelled();
      call.cancel();
    },
    breakOff: () => call.breakOff(),
  };
}
