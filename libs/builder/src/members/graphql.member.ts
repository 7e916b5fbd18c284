import type { EgressPool } from '#egress';
import { type MemberRef, type PrincipalId, isObject } from '#kernel';
import type { GraphqlServerConfig, StoredCatalog } from '#registry';
import { MemberProtocolError, refusalOf } from '../builder.errors.js';
import { GraphqlTool } from '../graphql/graphql-tool.js';
import type { Member, MemberOffer, RunningCall, ToolCall, ToolReply } from '../member.js';
import { MemberCredentials } from '../member-credentials.js';
import { lowerCased } from '../wire/request-head.js';
import { askMember } from './ask-member.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { RunningCalls, refuseAsBusy } from './running-calls.js';
import { RequestToolCall } from './request-tool-call.js';

/** A GraphQL service: one tool, with the id of the server as its name, takes any operation. */
export class GraphqlMember implements Member {
  readonly ref: MemberRef;
  /** Some services answer what asks for no data without looking at the credential. */
  readonly provesCredential = false;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly pool: EgressPool;
  private readonly credentials: MemberCredentials;
  private readonly running = new RunningCalls();
  private readonly tool: GraphqlTool;

  constructor(private readonly order: MemberOrder<GraphqlServerConfig>) {
    const { ref, config, parts, clock, log } = order;
    this.ref = ref;
    const endpoint = new URL(config.graphql.endpoint);
    this.headers = lowerCased(config.headers);
    const timeoutMs = config.timeout * 1000;
    this.pool = parts.egress.open(endpoint, { headersTimeoutMs: timeoutMs, idleTimeoutMs: timeoutMs });
    const { auth, deadlines } = parts;
    this.credentials = new MemberCredentials({ auth, clock, deadlines }, { member: ref, endpoint }, config);
    this.tool = new GraphqlTool({ name: config.id, endpoint, mask: (text) => log.mask(text) });
  }

  get isPerPrincipal(): boolean {
    return this.credentials.isPerPrincipal;
  }

  async refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    const { method, path, headers, body } = this.tool.probe();
    const request = { method, path, headers: { ...this.headers, ...headers }, body: body!, timeoutMs };
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
    return { tools: [this.tool.definition] };
  }

  snapshot(): StoredCatalog {
    return { fetchedAt: new Date(this.order.clock.now()), content: {} };
  }

  call(call: ToolCall, reply: ToolReply): RunningCall {
    const { config, parts, noteOutcome } = this.order;
    const running = new RequestToolCall(
      {
        headers: this.headers,
        pool: this.pool,
        credential: this.credentials.for(call.tool, call.principalId),
        deadlines: parts.deadlines,
        memberName: config.id,
        timeoutSeconds: config.timeout,
        retries: config.retry_attempts,
        forwardHeaders: config.forward_headers,
        noteOutcome,
        done: this.running.remove,
      },
      this.tool,
      call,
      reply,
    );
    const hasRoom = this.pool.hasRoom && this.running.add(running, call.message.raw.length);
    if (!hasRoom) return refuseAsBusy(config.id, reply);
    running.start();
    return running;
  }

  forgetCredentials(principalId?: PrincipalId): void {
    this.credentials.forget(principalId);
  }

  async close(graceMs: number): Promise<void> {
    await this.running.drained(graceMs, (error) =>
      this.order.log.error('a call could not be broken off', { err: error }),
    );
    this.credentials.close();
    await this.pool.destroy();
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
