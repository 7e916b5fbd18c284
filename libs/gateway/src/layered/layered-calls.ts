import { type ClientFacts, INTERNAL_ERROR, type MemberSlot, type RunningCall } from '#builder';
import { Log } from '#observability';
import { type Facade, type FacadeTool, facadeOf } from '#registry';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { type Destination, MemberCalls } from '../router/member-calls.js';
import type { OpenCall } from '../router/open-call.js';
import { OpenCalls } from '../router/open-calls.js';
import type { RecordedReply } from '../router/recorded-reply.js';
import { facadeAnswer } from './facade-answer.js';
import { type Question, questionIn } from './facade-question.js';
import { innerCall } from './inner-call.js';
import { LayeredReply } from './layered-reply.js';
import type { HiddenTool, HiddenTools } from './hidden-tools.js';
import { toldResult } from './told-results.js';

/** One of the three tools of a layered member, as one principal sees it. */
interface OpenFacade {
  readonly tool: FacadeTool;
  readonly fullName: string;
  readonly slot: MemberSlot;
  readonly of: Facade['of'];
  readonly list: HiddenTools;
}

const NOTHING_TO_CANCEL: RunningCall = { cancel: () => undefined, breakOff: () => undefined };

/**
 * Calls of the three tools of layered members. Questions about services are answered here, from what is open to the
 * caller; `make_tool_call` becomes the call that it is about, which goes the way of every call of a tool, under the name of
 * that tool.
 */
@Injectable()
export class LayeredCalls {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly members: MemberCalls,
    private readonly calls: OpenCalls,
    private readonly log: Log,
  ) {}

  /** Whether the call is one for this class: the tool is one of the three, and open to the caller. */
  takes(exchange: RoutedExchange): boolean {
    return this.find(exchange, exchange.principal) !== undefined;
  }

  /** Starts the call; `undefined` if it is answered already. */
  route(exchange: RoutedExchange, client: ClientFacts): OpenCall | undefined {
    const facade = this.find(exchange, exchange.principal)!;
    const question = questionIn(facade, exchange.message.params['arguments']);
    const { name, fault } = question;
    const isCall = facade.tool === 'make_tool_call' && fault === undefined && name !== undefined;
    const service = isCall ? facade.list.find(name) : undefined;
    return service
      ? this.make(exchange, client, { facade, service, name: name! })
      : this.tell(exchange, facade, question);
  }

  private tell(exchange: RoutedExchange, facade: OpenFacade, question: Question): OpenCall | undefined {
    const { fullName: name, slot, tool } = facade;
    const recorded = this.members.record(exchange, { kind: 'tool', name, server: slot.ref.serverId });
    if (!recorded) return undefined;
    return this.calls.start(exchange, {
      recorded,
      isOpenTo: (by) => this.find(exchange, by)?.tool === tool,
      begin: (by) => {
        // Members and permissions may have changed while the call waited.
        const open = this.find(exchange, by);
        this.answer(open, question, recorded).catch((error: unknown) => this.fail(recorded, error));
        return NOTHING_TO_CANCEL;
      },
      onFault: (error) => this.fail(recorded, error),
    });
  }

  private async answer(facade: OpenFacade | undefined, question: Question, recorded: RecordedReply): Promise<void> {
    if (!facade) return recorded.failed(GONE, 'COMPOSER_TOOL_UNKNOWN');
    const { of, list } = facade;
    const { value, isFault } = await facadeAnswer(list, { ...facade, question });
    if (isFault) recorded.refuse((reply) => reply.result({ ...toldResult(of, value), isError: true }));
    else recorded.result(toldResult(of, value));
  }

  private make(exchange: RoutedExchange, client: ClientFacts, { facade, service, name }: Making): OpenCall | undefined {
    const { slot, of } = facade;
    const thing = { kind: 'tool', name: service.entry.fullName, server: slot.ref.serverId } as const;
    const recorded = this.members.record(exchange, thing);
    if (!recorded) return undefined;
    const call = of === 'services' ? exchange : { ...exchange, message: innerCall(exchange.message) };
    return this.members.start(call, {
      method: 'tools/call',
      client,
      recorded,
      destination: destinationOf(service.entry)!,
      findAgain: (by) => {
        const again = this.find(exchange, by);
        const found = again?.tool === facade.tool && again.of === of ? again.list.find(name) : undefined;
        return found && destinationOf(found.entry);
      },
      refuse: () => recorded.refuse((reply) => reply.failed(GONE, 'COMPOSER_TOOL_UNKNOWN')),
      wrap: (reply) => new LayeredReply(reply, { of, name: service.facts.name }),
    });
  }

  private find({ selection, message }: RoutedExchange, by: Principal): OpenFacade | undefined {
    const { name } = message.params;
    if (typeof name !== 'string') return undefined;
    const { tools, hidden } = this.catalog.viewFor(by, selection);
    const { target, facade: tool, fullName } = tools.byName.get(name) ?? {};
    const slot = target && 'slot' in target ? target.slot : undefined;
    const list = slot && hidden.get(slot);
    const { of } = (slot?.config && facadeOf(slot.config)) ?? {};
    return tool && fullName && of && list ? { tool, fullName, slot, of, list } : undefined;
  }

  private fail(recorded: RecordedReply, error: unknown): void {
    this.log.error('a layered member could not be asked about', { err: error });
    recorded.protocolError(INTERNAL_ERROR, 'Internal error: the composer could not handle this request');
  }
}

interface Making {
  readonly facade: OpenFacade;
  readonly service: HiddenTool;
  /** As the caller said it. */
  readonly name: string;
}

const GONE = 'This service is not there any more; call get_service_info for what is there.';

function destinationOf({ target, mirrored }: CatalogEntry): Destination | undefined {
  if (!('slot' in target)) return undefined;
  return { slot: target.slot, target: target.own, ...(mirrored ? { mirrored } : {}) };
}
