import type { EgressPool } from '#egress';
import { type MemberRef, isObject } from '#kernel';
import type { HttpServerConfig, StoredCatalog } from '#registry';
import { HttpToolCall } from '../mcp/http-tool-call.js';
import { McpLink } from '../mcp/mcp-link.js';
import { fetchTools } from '../mcp/tool-list.js';
import type { Member, MemberOffer, RunningCall, ToolCall, ToolReply } from '../member.js';
import { MemberCredentials } from '../member-credentials.js';
import { lowerCased } from '../wire/request-head.js';
import { TimeLimit } from '../wire/time-limit.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { RunningCalls, refuseAsBusy } from './running-calls.js';

/** An MCP server over Streamable HTTP, of either era. All callers of a tenant share one session with it. */
export class HttpMember implements Member {
  readonly ref: MemberRef;
  readonly provesCredential = true;
  private readonly pool: EgressPool;
  private readonly link: McpLink;
  private readonly credentials: MemberCredentials;
  private readonly running = new RunningCalls();
  private offer: MemberOffer;
  private asked = 0;

  constructor(private readonly order: MemberOrder<HttpServerConfig>) {
    const { ref, config, parts, clock, log } = order;
    this.ref = ref;
    this.offer = { tools: storedTools(order) };
    const timeoutMs = config.timeout * 1000;
    this.pool = parts.egress.open(config.endpoint, { headersTimeoutMs: timeoutMs, idleTimeoutMs: timeoutMs });
    this.credentials = new MemberCredentials(
      parts.auth,
      { member: ref, endpoint: new URL(config.endpoint) },
      config,
      clock,
    );
    this.link = new McpLink({
      endpoint: new URL(config.endpoint),
      headers: lowerCased(config.headers),
      pool: this.pool,
      credential: this.credentials.for(),
      deadlines: parts.deadlines,
      log,
    });
  }

  async refresh(timeoutMs: number): Promise<MemberOffer> {
    const limit = new TimeLimit(timeoutMs);
    const turn = ++this.asked;
    try {
      const tools = await fetchTools(this.link, limit, this.order.log);
      // Nobody waits for an answer that came too late, and a later one may be here already.
      limit.left();
      if (turn === this.asked) this.offer = { tools };
      return this.offer;
    } catch (error) {
      const session = this.link.peek();
      // It may be the session that is wrong: the next one that asks opens another.
      if (session) this.link.forget(session);
      throw error;
    }
  }

  offered(): MemberOffer {
    return this.offer;
  }

  snapshot(): StoredCatalog {
    const { config, clock } = this.order;
    return { fetchedAt: new Date(clock.now()), content: { endpoint: config.endpoint, tools: this.offer.tools } };
  }

  call(call: ToolCall, reply: ToolReply): RunningCall {
    const { config, parts, noteOutcome, noteListChanged } = this.order;
    const running = new HttpToolCall(
      {
        link: this.link,
        pool: this.pool,
        credential: this.credentials.for(call.tool),
        deadlines: parts.deadlines,
        memberName: config.id,
        timeoutSeconds: config.timeout,
        retries: config.retry_attempts,
        forwardHeaders: config.forward_headers,
        noteOutcome,
        noteListChanged,
        done: this.running.remove,
      },
      call,
      reply,
    );
    const hasRoom = this.pool.hasRoom && this.running.add(running, call.message.raw.length);
    if (!hasRoom) return refuseAsBusy(config.id, reply);
    running.start();
    return running;
  }

  async close(graceMs: number): Promise<void> {
    await this.running.drained(graceMs, (error) =>
      this.order.log.error('a call could not be broken off', { err: error }),
    );
    await this.link.end();
    await this.pool.destroy();
  }
}

export const httpMemberBuilder: MemberBuilder<HttpServerConfig> = {
  types: ['http', 'client'],
  build: async (order) => new HttpMember(order),
};

/** What the same endpoint offered before. The tools of another one would promise what nobody keeps. */
function storedTools({ stored, config }: MemberOrder<HttpServerConfig>): readonly string[] {
  const content = stored?.content;
  if (!isObject(content) || content['endpoint'] !== config.endpoint || !Array.isArray(content['tools'])) return [];
  return content['tools'].filter((tool): tool is string => typeof tool === 'string');
}
