import type { EgressPool } from '#egress';
import type { PrincipalId } from '#kernel';
import type { SseServerConfig, StoredCatalog } from '#registry';
import { MemberBusyError } from '../builder.errors.js';
import { declaredBy, profileOf } from '../client-facts.js';
import { McpOffer } from '../mcp/mcp-offer.js';
import { StreamEar } from '../mcp/stream-ear.js';
import type { MemberCaller, MemberReply, MemberRequest } from '../member.js';
import type { CredentialOwner } from '../member-credentials.js';
import { type MemberOffer, declares } from '../member-offer.js';
import { SseForwardedRequest } from '../sse/sse-forwarded-request.js';
import { SseLink, type SseSession } from '../sse/sse-link.js';
import type { ReadyCall } from './live-member.js';
import { LeasedLinks } from './leased-links.js';
import { MemberLinks } from './member-links.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { WireMember } from './wire-member.js';

/** Streams of principals, and those that calls have for themselves: each takes a connection while it is used now and then. */
const MAX_STREAMS = 64;
const MAX_LEASED = 64;
const IDLE_MS = 300_000;
/** Streams that stay open because somebody watches a resource, of either kind. */
const MAX_WATCHED = 16;

/**
 * An MCP server over HTTP+SSE, the transport before Streamable HTTP. Callers of a tenant that cannot be asked anything share
 * one stream, unless each has a credential of its own, or a tool has: then each has a stream of its own, too. A call whose
 * caller can be asked has a stream for itself, and so have the composer's own questions.
 */
export class SseMember extends WireMember<SseServerConfig> {
  readonly provesCredential = true;
  private readonly streams: EgressPool;
  private readonly links: MemberLinks<SseLink>;
  private readonly leases: LeasedLinks<SseLink>;
  private readonly offer: McpOffer;
  private readonly ears = new WeakMap<SseLink, StreamEar<SseSession>>();

  constructor(order: MemberOrder<SseServerConfig>) {
    super(order, new URL(order.config.endpoint));
    const { config, parts } = order;
    this.offer = new McpOffer({ ...order, origin: config.endpoint });
    // What is replaced may linger while another one is open. A stream may be silent: no limit there.
    this.streams = parts.egress.open(config.endpoint, {
      connections: 2 * (MAX_STREAMS + MAX_LEASED),
      idleTimeoutMs: 0,
    });
    const kept = { idleMs: IDLE_MS, deadlines: parts.deadlines };
    this.links = new MemberLinks({
      ...kept,
      max: MAX_STREAMS,
      open: (owner, use) => this.openLink(owner, use?.profile),
      isInUse: (link) => link.isBusy || this.isWatched(link),
    });
    this.leases = new LeasedLinks({
      ...kept,
      max: MAX_LEASED,
      open: (owner, profile) => this.openLink(owner, profile),
      isHeard: (link) => this.isWatched(link),
    });
  }

  async refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    const link = this.links.for(this.credentials.ownerOf(undefined, as));
    if (!link) throw new MemberBusyError();
    return this.offer.refresh(link, timeoutMs);
  }

  offered(): MemberOffer {
    return this.offer.current;
  }

  snapshot(): StoredCatalog {
    return this.offer.snapshot();
  }

  override get tellsOfUpdates(): boolean {
    return declares(this.offer.current, 'resources', 'subscribe');
  }

  /** On the stream on which the caller's calls go, if there is room to keep it: some members tell what happened there alone. */
  override async watch(uri: string, caller: MemberCaller, onUpdate: () => void): Promise<() => void> {
    const owner = this.credentials.ownerOf(undefined, caller.principalId);
    const link = this.linkOfCalls(owner, caller) ?? this.watchable(this.links.for(owner), this.links.every());
    if (!link) throw new MemberBusyError();
    return this.ears.get(link)!.watch(uri, onUpdate);
  }

  override forgetCredentials(principalId?: PrincipalId): void {
    super.forgetCredentials(principalId);
    for (const link of [...this.links.every(principalId), ...this.leases.every(principalId)]) void link.review();
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall | undefined {
    const { client, principalId } = request;
    const [owner, profile] = [this.ownerOf(request), profileOf(client.capabilities)];
    if (profile === '') {
      const link = this.links.for(owner, { profile });
      return link && new SseForwardedRequest({ ...this.wirePartsFor(request), link }, request, reply);
    }
    const lease = this.leases.take({ owner, profile, principalId });
    if (!lease) return undefined;
    const call = new SseForwardedRequest({ ...this.wirePartsFor(request), ...lease }, request, reply);
    lease.link.hold(call);
    return call;
  }

  protected override async endSessions(): Promise<void> {
    for (const link of [...this.links.every(), ...this.leases.every()]) this.ears.get(link)?.end();
    await Promise.all([this.links.end(), this.leases.end()]);
  }

  protected override async freeConnections(): Promise<void> {
    await Promise.all([super.freeConnections(), this.streams.destroy()]);
  }

  private linkOfCalls(owner: CredentialOwner, { client, principalId }: MemberCaller): SseLink | undefined {
    const profile = profileOf(client.capabilities);
    if (profile === '') return this.watchable(this.links.for(owner, { profile }), this.links.every());
    return this.watchable(this.leases.find({ owner, profile, principalId }), this.leases.every());
  }

  /** The link, if somebody watches a resource on it already, or if there is room for one more such link. */
  private watchable(link: SseLink | undefined, among: readonly SseLink[]): SseLink | undefined {
    if (!link || this.isWatched(link)) return link;
    return among.filter((one) => this.isWatched(one)).length < MAX_WATCHED ? link : undefined;
  }

  private isWatched(link: SseLink): boolean {
    return this.ears.get(link)?.isWatching ?? false;
  }

  private openLink({ tool, principalId }: CredentialOwner, profile: string | undefined): SseLink {
    const isOwn = profile === undefined && tool === undefined && principalId === undefined;
    const { parts, log, noteListChanged } = this.order;
    const { deadlines } = parts;
    const link: SseLink = new SseLink({
      endpoint: this.endpoint,
      headers: this.headers,
      pool: this.pool,
      streams: this.streams,
      credential: () => this.credentials.for(tool, principalId),
      deadlines,
      log,
      listener: {
        opened: (session) => ear.opened(session),
        heard: (message) => ear.heard(message),
        get staysOpen() {
          return isOwn || ear.isWatching;
        },
      },
      declares: declaredBy(profile),
    });
    const ear = new StreamEar<SseSession>({
      link,
      deadlines,
      log,
      onListChange: (list) => noteListChanged(principalId, list),
    });
    this.ears.set(link, ear);
    return link;
  }
}

export const sseMemberBuilder: MemberBuilder<SseServerConfig> = {
  types: ['sse'],
  build: async (order) => new SseMember(order),
};
