import type { EgressPool } from '#egress';
import type { MemberRef, PrincipalId } from '#kernel';
import type { SseServerConfig, StoredCatalog } from '#registry';
import { McpOffer } from '../mcp/mcp-offer.js';
import type { Member, MemberOffer, RunningCall, ToolCall, ToolReply } from '../member.js';
import { MemberBusyError } from '../builder.errors.js';
import { MemberCredentials } from '../member-credentials.js';
import { PerPrincipal } from '../per-principal.js';
import { SseLink } from '../sse/sse-link.js';
import { SseToolCall } from '../sse/sse-tool-call.js';
import { lowerCased } from '../wire/request-head.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { RunningCalls, refuseAsBusy } from './running-calls.js';

/** Streams of principals: each takes a connection for as long as it is used now and then. */
const MAX_STREAMS = 64;
const IDLE_MS = 300_000;

/**
 * An MCP server over HTTP+SSE, the transport before Streamable HTTP. All callers of a tenant share one stream, unless each
 * has a credential of its own: then each has a stream of its own, too.
 */
export class SseMember implements Member {
  readonly ref: MemberRef;
  readonly provesCredential = true;
  private readonly endpoint: URL;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly pool: EgressPool;
  private readonly streams: EgressPool;
  private readonly link: SseLink;
  private readonly links: PerPrincipal<SseLink>;
  private readonly credentials: MemberCredentials;
  private readonly running = new RunningCalls();
  private readonly offer: McpOffer;

  constructor(private readonly order: MemberOrder<SseServerConfig>) {
    const { ref, config, parts, clock } = order;
    this.ref = ref;
    this.offer = new McpOffer(order);
    this.endpoint = new URL(config.endpoint);
    this.headers = lowerCased(config.headers);
    const timeoutMs = config.timeout * 1000;
    this.pool = parts.egress.open(config.endpoint, { headersTimeoutMs: timeoutMs, idleTimeoutMs: timeoutMs });
    // What is replaced may linger while another one is open. A stream may be silent: no limit there.
    this.streams = parts.egress.open(config.endpoint, { connections: 2 * MAX_STREAMS, idleTimeoutMs: 0 });
    const { auth, deadlines } = parts;
    this.credentials = new MemberCredentials(
      { auth, clock, deadlines },
      { member: ref, endpoint: this.endpoint },
      config,
    );
    this.link = this.openLink();
    this.links = new PerPrincipal({
      max: MAX_STREAMS,
      idleMs: IDLE_MS,
      deadlines,
      make: (principal) => this.openLink(principal),
      isInUse: (link) => link.isBusy,
      release: (link) => link.end(),
    });
  }

  get isPerPrincipal(): boolean {
    return this.credentials.isPerPrincipal;
  }

  async refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    const link = this.linkFor(as);
    if (!link) throw new MemberBusyError();
    try {
      return await this.offer.refresh(link, timeoutMs);
    } catch (error) {
      const session = link.peek();
      // It may be the stream that is dead: the next one that asks opens another.
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
    const { config, parts, noteOutcome } = this.order;
    const link = this.linkFor(call.principalId);
    if (!link) return refuseAsBusy(config.id, reply);
    const running = new SseToolCall(
      {
        link,
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
    this.link.end();
    this.links.clear();
    this.credentials.close();
    await Promise.all([this.pool.destroy(), this.streams.destroy()]);
  }

  private linkFor(principal: PrincipalId | undefined): SseLink | undefined {
    return principal === undefined || !this.isPerPrincipal ? this.link : this.links.of(principal);
  }

  private openLink(principal?: PrincipalId): SseLink {
    const { parts, log, noteListChanged } = this.order;
    return new SseLink({
      endpoint: this.endpoint,
      headers: this.headers,
      pool: this.pool,
      streams: this.streams,
      credential: () => this.credentials.for(undefined, principal),
      deadlines: parts.deadlines,
      log,
      noteListChanged: () => noteListChanged(principal),
      staysOpen: principal === undefined,
    });
  }
}

export const sseMemberBuilder: MemberBuilder<SseServerConfig> = {
  types: ['sse'],
  build: async (order) => new SseMember(order),
};
