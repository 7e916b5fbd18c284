import { COMPOSER_INFO, type Era, INVALID_PARAMS, META_SERVER_INFO } from '#builder';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { ListName } from '../catalog/catalog-view.js';
import type { Selection } from '../catalog/selection.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { listResult } from './list-result.js';
import { capabilitiesOf, hintOf, instructionsOf } from './offered-facts.js';

const LISTS: ReadonlyMap<string, ListName> = new Map([
  ['tools/list', 'tools'],
  ['prompts/list', 'prompts'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'resourceTemplates'],
]);

/** Answers from the catalogue what clients ask of it, in the idiom of their era. */
@Injectable()
export class OfferedLists {
  constructor(private readonly catalog: ToolCatalog) {}

  /** Answers a request for a list. False: it asks for none. */
  answer({ principal, selection, message, reply }: McpExchange, era: Era): boolean {
    const list = LISTS.get(message.method ?? '');
    if (!list) return false;
    const view = this.catalog.viewFor(principal, selection);
    const page = view[list].page(message.params['cursor']);
    if (!page) {
      reply.protocolError(INVALID_PARAMS, 'Invalid params: this cursor was not given out here');
      return true;
    }
    const outcomes = this.catalog.outcomes(principal, selection);
    // Without authentication there is one caller.
    const isShared = principal.credential.kind === 'none';
    const modern = {
      more: { resultType: 'complete', ...hintOf(view, list, isShared) },
      meta: { [META_SERVER_INFO]: COMPOSER_INFO },
    };
    reply.resultBytes(listResult({ list, page, outcomes, ...(era === 'modern' ? modern : {}) }));
    return true;
  }

  /** What the composer says of itself at an address. */
  factsFor(
    principal: Principal,
    selection: Selection,
    era: Era,
  ): { readonly capabilities: object; readonly instructions: string } {
    const view = this.catalog.viewFor(principal, selection);
    return { capabilities: capabilitiesOf(view, era), instructions: instructionsOf(view, selection) };
  }
}
