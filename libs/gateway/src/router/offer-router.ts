import { type ClientFacts, type Era, INVALID_PARAMS, RESOURCE_NOT_FOUND } from '#builder';
import { isObject } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { CatalogView } from '../catalog/catalog-view.js';
import { completionRouteOf, routeOf } from '../catalog/resource-route.js';
import { ToolCatalog } from '../catalog/tool-catalog.js';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { AliasedReply } from './aliased-reply.js';
import type { CalledThing } from './call-recorder.js';
import { type Destination, type MemberCall, MemberCalls } from './member-calls.js';
import type { OpenCall } from './open-call.js';

export type OfferMethod = 'prompts/get' | 'resources/read' | 'completion/complete';

/** What a request asks for, as its caller says it. */
interface Wish {
  readonly method: OfferMethod;
  readonly name: string;
  readonly find: (view: CatalogView) => Destination | undefined;
  /** Absent for what is not recorded. */
  readonly kind?: CalledThing['kind'];
  readonly refuse: (exchange: RoutedExchange, era: Era) => void;
}

/** Callers choose names that are not there. */
const MAX_NAME = 128;
const MAX_RECORDED = 1_024;

/** From the name of a prompt, the URI of a resource or what is to be completed, to the member that has it. */
@Injectable()
export class OfferRouter {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly calls: MemberCalls,
  ) {}

  /** Starts the request; `undefined` if it is answered already. What the caller may not see is not there. */
  route(exchange: RoutedExchange, method: OfferMethod, client: ClientFacts): OpenCall | undefined {
    const { principal, selection, reply } = exchange;
    const wish = wishOf(method, exchange.message.params);
    if (typeof wish === 'string') {
      reply.protocolError(INVALID_PARAMS, `Invalid params: ${wish}`);
      return undefined;
    }
    const find = (by: Principal) => wish.find(this.catalog.viewFor(by, selection));
    const destination = find(principal);
    const { kind, name } = wish;
    const server = destination?.slot.ref.serverId;
    const thing = kind && { kind, name: recordable(name, kind), ...(server ? { server } : {}) };
    const recorded = this.calls.record(exchange, thing);
    if (!recorded) return undefined;
    const refuse = () => recorded.refuse(() => wish.refuse(exchange, client.era));
    if (!destination) {
      refuse();
      return undefined;
    }
    const call: MemberCall = { method, client, recorded, destination, findAgain: find, refuse };
    if (method !== 'resources/read') return this.calls.start(exchange, call);
    const replyTo = ({ target }: Destination) =>
      target === name ? recorded : new AliasedReply(recorded, { own: target, offered: name });
    return this.calls.start(exchange, { ...call, replyTo });
  }
}

/** Query and fragment of a URI may carry secrets, and so may what stands before the host. */
function recordable(name: string, kind: CalledThing['kind']): string {
  if (kind !== 'resource') return name;
  const [bare = ''] = name.slice(0, MAX_RECORDED).split(/[?#]/, 1);
  return bare.replace(/^([^/]*:\/\/)[^/@]*@/, '$1');
}

type Params = Readonly<Record<string, unknown>>;

/** A text: what is wrong with the parameters. */
function wishOf(method: OfferMethod, params: Params): Wish | string {
  switch (method) {
    case 'prompts/get':
      return typeof params['name'] === 'string' ? promptWish(params['name']) : 'name must be a string';
    case 'resources/read':
      return typeof params['uri'] === 'string' ? resourceWish(params['uri']) : 'uri must be a string';
    case 'completion/complete':
      return completionWish(params['ref']);
  }
}

function promptWish(name: string): Wish {
  return {
    method: 'prompts/get',
    name,
    kind: 'prompt',
    find: (view) => promptIn(view, name),
    refuse: ({ reply }) => reply.protocolError(INVALID_PARAMS, `Unknown prompt: ${name.slice(0, MAX_NAME)}`),
  };
}

function resourceWish(uri: string): Wish {
  return {
    method: 'resources/read',
    name: uri,
    kind: 'resource',
    find: (view) => resourceIn(routeOf(view, uri)),
    // 2026-07-28 has taken the code of its own away.
    refuse: ({ reply }, era) =>
      reply.protocolError(era === 'modern' ? INVALID_PARAMS : RESOURCE_NOT_FOUND, 'Resource not found', { uri }),
  };
}

function completionWish(ref: unknown): Wish | string {
  const { type, name, uri } = isObject(ref) ? ref : {};
  const base = {
    method: 'completion/complete',
    refuse: ({ reply }: RoutedExchange) =>
      reply.protocolError(INVALID_PARAMS, 'Invalid params: ref names nothing here'),
  } as const;
  if (type === 'ref/prompt' && typeof name === 'string') return { ...base, name, find: (view) => promptIn(view, name) };
  if (type === 'ref/resource' && typeof uri === 'string')
    return { ...base, name: uri, find: (view) => resourceIn(completionRouteOf(view, uri)) };
  return 'ref must name a prompt, or a resource by its URI';
}

function promptIn(view: CatalogView, name: string): Destination | undefined {
  const target = view.prompts.byName.get(name)?.target;
  return target && 'slot' in target ? { slot: target.slot, target: target.own } : undefined;
}

function resourceIn(route: ReturnType<typeof routeOf>): Destination | undefined {
  return route && { slot: route.slot, target: route.uri };
}
