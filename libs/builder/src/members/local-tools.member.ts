import type { PrincipalId } from '#kernel';
import { type LocalServerConfig, type StoredCatalog, endpointOf } from '#registry';
import { MemberProtocolError } from '../builder.errors.js';
import { LocalTool } from '../local/local-tool.js';
import type { MemberReply, MemberRequest } from '../member.js';
import { type MemberOffer, offerOf } from '../member-offer.js';
import { askMember } from './ask-member.js';
import type { ReadyCall } from './live-member.js';
import type { MemberOrder } from './member-parts.js';
import { RequestToolCall } from './request-tool-call.js';
import { WireMember } from './wire-member.js';

/** Single HTTP requests to one service, each of them a tool. */
export class LocalToolsMember extends WireMember<LocalServerConfig> {
  /** Which of the requests could be sent to find out, nobody knows. */
  readonly provesCredential = false;
  private readonly tools: ReadonlyMap<string, LocalTool>;
  private readonly offer: MemberOffer;

  constructor(order: MemberOrder<LocalServerConfig>) {
    // Before anything is opened for tools that cannot be.
    const tools = localTools(order);
    super(order, new URL(endpointOf(order.config)));
    this.tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.offer = offerOf({ tools: tools.map(({ definition }) => definition) });
  }

  /** Asking the service for its base path tells that it answers, and nothing more. */
  async refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    const credential = this.credentials.for(undefined, as);
    const request = { method: 'GET', path: this.endpoint.pathname, headers: { accept: '*/*', ...this.headers } };
    const { status } = await askMember(this.pool, credential, { ...request, timeoutMs });
    if (status >= 500) throw new MemberProtocolError(`it answered HTTP ${status}`);
    return this.offer;
  }

  offered(): MemberOffer {
    return this.offer;
  }

  snapshot(): StoredCatalog {
    return { fetchedAt: new Date(this.order.clock.now()), content: {} };
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    return new RequestToolCall(this.wirePartsFor(request), this.tools.get(request.target)!, request, reply);
  }
}

/** Throws for a tool that cannot be built. */
export function localTools({ config, log }: Pick<MemberOrder<LocalServerConfig>, 'config' | 'log'>): LocalTool[] {
  const endpoint = new URL(endpointOf(config));
  const mask = (text: string) => log.mask(text);
  return config.tools.map((tool, at) => new LocalTool(tool, { endpoint, mask, place: `tools.${at}` }));
}
