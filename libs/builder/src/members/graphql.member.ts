import { type PrincipalId, isObject } from '#kernel';
import type { GraphqlServerConfig, StoredCatalog } from '#registry';
import { MemberProtocolError, refusalOf } from '../builder.errors.js';
import { GraphqlTool } from '../graphql/graphql-tool.js';
import type { MemberReply, MemberRequest } from '../member.js';
import { type MemberOffer, offerOf } from '../member-offer.js';
import { askMember } from './ask-member.js';
import type { ReadyCall } from './live-member.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { RequestToolCall } from './request-tool-call.js';
import { WireMember } from './wire-member.js';

/** A GraphQL service: one tool, with the id of the server as its name, takes any operation. */
export class GraphqlMember extends WireMember<GraphqlServerConfig> {
  /** Some services answer what asks for no data without looking at the credential. */
  readonly provesCredential = false;
  private readonly tool: GraphqlTool;

  constructor(order: MemberOrder<GraphqlServerConfig>) {
    super(order, new URL(order.config.graphql.endpoint));
    const { config, log } = order;
    this.tool = new GraphqlTool({ name: config.id, endpoint: this.endpoint, mask: (text) => log.mask(text) });
  }

  async refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    const { method, path, headers, body } = this.tool.probe();
    const request = { method, path, headers: { ...this.headers, ...headers }, body, timeoutMs };
    const answer = await askMember(this.pool, this.credentials.for(undefined, as), request);
    const { status, isRefusal } = answer;
    if (isRefusal || status === 401 || status === 403) throw refusalOf(status, answer.headers['www-authenticate']);
    if (status >= 500 || !isGraphql(answer.body)) {
      throw new MemberProtocolError(
        `it answered HTTP ${status} and no GraphQL response: is this its GraphQL endpoint?`,
      );
    }
    return this.offered();
  }

  offered(): MemberOffer {
    return offerOf({ tools: [this.tool.definition] });
  }

  snapshot(): StoredCatalog {
    return { fetchedAt: new Date(this.order.clock.now()), content: {} };
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    return new RequestToolCall(this.wirePartsFor(request), this.tool, request, reply);
  }
}

export const graphqlMemberBuilder: MemberBuilder<GraphqlServerConfig> = {
  types: ['graphql'],
  build: async (order) => new GraphqlMember(order),
};

/** GraphQL over HTTP, 6.4: an object with data, errors, or both. */
function isGraphql(body: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isObject(value) && ('data' in value || Array.isArray(value['errors']));
  } catch {
    return false;
  }
}
