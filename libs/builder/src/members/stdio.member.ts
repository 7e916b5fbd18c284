import type { StdioServerConfig, StoredCatalog } from '#registry';
import { endpointOf, stdioCommandOf } from '#registry';
import { declaredBy, profileOf } from '../client-facts.js';
import { McpOffer } from '../mcp/mcp-offer.js';
import { StreamEar } from '../mcp/stream-ear.js';
import type { MemberCaller, MemberReply, MemberRequest } from '../member.js';
import { EVERYBODY } from '../member-credentials.js';
import { type MemberOffer, declares } from '../member-offer.js';
import { StdioForwardedRequest } from '../stdio/stdio-forwarded-request.js';
import { StdioHabits } from '../stdio/stdio-habits.js';
import { StdioLink, type StdioSession } from '../stdio/stdio-link.js';
import { TimeLimit } from '../wire/time-limit.js';
import { LeasedLinks } from './leased-links.js';
import { LiveMember, type ReadyCall } from './live-member.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';

/** Processes that calls have for themselves. */
const MAX_LEASED = 16;
const IDLE_MS = 600_000;
/** Of these, processes that stay because somebody watches a resource. */
const MAX_WATCHED = 4;
const OPENING_MS = 15_000;

/**
 * An MCP server that is a process on this host. A member of the modern era is one process for all that its tenant asks; of
 * one of the legacy era, callers that cannot be asked anything share one, a call whose caller can be asked has one for
 * itself, and so have the composer's own questions.
 */
export class StdioMember extends LiveMember<StdioServerConfig> {
  readonly provesCredential = true;
  private readonly habits = new StdioHabits();
  private readonly own: StdioLink;
  private readonly quiet: StdioLink;
  private readonly leases: LeasedLinks<StdioLink>;
  private readonly ears = new WeakMap<StdioLink, StreamEar<StdioSession>>();
  private readonly offer: McpOffer;

  constructor(order: MemberOrder<StdioServerConfig>) {
    super(order, new URL(endpointOf(order.config)));
    const { config, parts } = order;
    this.offer = new McpOffer({ ...order, origin: JSON.stringify([config.command, config.args, config.cwd]) });
    this.own = this.openLink();
    this.quiet = this.openLink('');
    this.leases = new LeasedLinks({
      max: MAX_LEASED,
      idleMs: IDLE_MS,
      deadlines: parts.deadlines,
      open: (_, profile) => this.openLink(profile),
      spare: parts.processes.spare,
      isHeard: (link) => this.earOf(link).isWatching,
    });
  }

  refresh(timeoutMs: number): Promise<MemberOffer> {
    return this.offer.refresh(this.own, timeoutMs);
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

  override listen(isWanted: boolean): void {
    this.earOf(this.own).hear(isWanted);
  }

  /** At the process at which the caller's calls are, if there is room to keep it: some tell what happened there alone. */
  override async watch(uri: string, caller: MemberCaller, onUpdate: () => void): Promise<() => void> {
    const { era } = await this.own.open(new TimeLimit(OPENING_MS));
    const link = era === 'legacy' ? this.linkOfCalls(caller) : this.own;
    return this.earOf(link).watch(uri, onUpdate);
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall | undefined {
    const { client, principalId } = request;
    const profile = profileOf(client.capabilities);
    if (profile === '' || this.habits.era === 'modern') {
      return new StdioForwardedRequest({ ...this.callParts, link: this.quiet }, request, reply);
    }
    const lease = this.leases.take({ owner: EVERYBODY, profile, principalId });
    if (!lease) return undefined;
    const call = new StdioForwardedRequest({ ...this.callParts, ...lease }, request, reply);
    lease.link.hold(call);
    return call;
  }

  protected override async endSessions(): Promise<void> {
    for (const link of [this.own, this.quiet, ...this.leases.every()]) this.earOf(link).end();
    await Promise.all([this.own.end(), this.quiet.end(), this.leases.end()]);
  }

  private linkOfCalls({ client, principalId }: MemberCaller): StdioLink {
    const profile = profileOf(client.capabilities);
    if (profile === '') return this.quiet;
    const link = this.leases.find({ owner: EVERYBODY, profile, principalId });
    if (!link || this.earOf(link).isWatching) return link ?? this.own;
    const watched = this.leases.every().filter((one) => this.earOf(one).isWatching);
    return watched.length < MAX_WATCHED ? link : this.own;
  }

  private earOf(link: StdioLink): StreamEar<StdioSession> {
    return this.ears.get(link)!;
  }

  private openLink(profile?: string): StdioLink {
    const { config, parts, log, noteListChanged } = this.order;
    const { deadlines } = parts;
    const isOwn = profile === undefined;
    const link: StdioLink = new StdioLink({
      config,
      processes: parts.processes,
      deadlines,
      log,
      listener: {
        opened: (session) => ear.opened(session),
        heard: (message) => ear.heard(message),
        get staysOpen() {
          return (isOwn && config.health_check.enabled) || ear.isWatching;
        },
      },
      habits: this.habits,
      declares: declaredBy(profile),
      ...(isOwn ? {} : { own: this.own }),
    });
    const ear = new StreamEar<StdioSession>({
      link,
      deadlines,
      log,
      onListChange: (list) => noteListChanged(undefined, list),
    });
    this.ears.set(link, ear);
    return link;
  }
}

export const stdioMemberBuilder: MemberBuilder<StdioServerConfig> = {
  types: ['stdio'],
  async build(order) {
    // Refused before anything of it exists; and again at every start.
    await stdioCommandOf(order.config);
    return new StdioMember(order);
  },
};
