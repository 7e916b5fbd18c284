import type { EgressPool } from '#egress';
import type { MemberRef, PrincipalId } from '#kernel';
import type { HttpServerConfig, StoredCatalog } from '#registry';
import { HttpToolCall } from '../mcp/http-tool-call.js';
import { McpLink } from '../mcp/mcp-link.js';
import { McpOffer } from '../mcp/mcp-offer.js';
import type { Member, MemberOffer, RunningCall, ToolCall, ToolReply } from '../member.js';
import { MemberCredentials } from '../member-credentials.js';
import { PerPrincipal } from '../per-principal.js';
import { lowerCased } from '../wire/request-head.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { RunningCalls, refuseAsBusy } from './running-calls.js';

const MAX_LINKS = 1_000;
/** Longer than any call may take, so that none is under way in a session that is ended. */
const IDLE_MS = 360_000;

/**
 * An MCP server over Streamable HTTP, of either era. All callers of a tenant share one session with it, unless each has a
 * credential of its own: then each has a session of its own, too.
 */
export class HttpMember implements Member {
  readonly ref: MemberRef;
  readonly provesCredential = true;
  private readonly endpoint: URL;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly pool: EgressPool;
  private readonly link: McpLink;
  private readonly links: PerPrincipal<McpLink>;
  private readonly credentials: MemberCredentials;
  private readonly running = new RunningCalls();
  private readonly offer: McpOffer;

  constructor(private readonly order: MemberOrder<HttpServerConfig>) {
    const { ref, config, parts, clock } = order;
    this.ref = ref;
    this.offer = new McpOffer(order);
    this.endpoint = new URL(config.endpoint);
    this.headers = lowerCased(config.headers);
    const timeoutMs = config.timeout * 1000;
    this.pool = parts.egress.open(config.endpoint, { headersTimeoutMs: timeoutMs, idleTimeoutMs: timeoutMs });
    const { auth, deadlines } = parts;
    this.credentials = new MemberCredentials(
      { auth, clock, deadlines },
      { member: ref, endpoint: this.endpoint },
      config,
    );
    this.link = this.openLink();
    this.links = new PerPrincipal({
      max: MAX_LINKS,
      idleMs: IDLE_MS,
      deadlines,
      make: (principal) => this.openLink(principal),
      release: (link) => void link.end(),
    });
  }

  get isPerPrincipal(): boolean {
    return this.credentials.isPerPrincipal;
  }

  async refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    const link = this.linkFor(as);
    try {
      return await this.offer.refresh(link, timeoutMs);
    } catch (error) {
      const session = link.peek();
      // It may be the session that is wrong: the next one that asks opens another.
      if (session) link.forget(session);
      throw error;
    }
  }

  offered(): MemberOffer {
    return this.offer.current;
  }

  snapshot(): StoredCatalog {
    return this.offer.snapshot();
  }

  call(call: ToolCall, reply: ToolReply): RunningCall {
    const { config, parts, noteOutcome, noteListChanged } = this.order;
    const running = new HttpToolCall(
      {
        link: this.linkFor(call.principalId),
        pool: this.pool,
        credential: this.credentials.for(call.tool, call.principalId),
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

  forgetCredentials(principalId?: PrincipalId): void {
    this.credentials.forget(principalId);
  }

  async close(graceMs: number): Promise<void> {
    await this.running.drained(graceMs, (error) =>
      this.order.log.error('a call could not be broken off', { err: error }),
    );
    await Promise.all([this.link, ...this.links.every()].map((link) => link.end()));
    this.links.clear();
    this.credentials.close();
    await this.pool.destroy();
  }

  private linkFor(principal: PrincipalId | undefined): McpLink {
    // A session that makes room for another one is ended, and opened anew if its principal comes again: there is always room.
    return principal === undefined || !this.isPerPrincipal ? this.link : this.links.of(principal)!;
  }

  private openLink(principal?: PrincipalId): McpLink {
    const { parts, log } = this.order;
    return new McpLink({
      endpoint: this.endpoint,
      headers: this.headers,
      pool: this.pool,
      credential: () => this.credentials.for(undefined, principal),
      deadlines: parts.deadlines,
      log,
    });
  }
}

export const httpMemberBuilder: MemberBuilder<HttpServerConfig> = {
  types: ['http', 'client'],
  build: async (order) => new HttpMember(order),
};
