import type { PrincipalId } from '#kernel';
import type { HttpServerConfig, StoredCatalog } from '#registry';
import { MemberBusyError } from '../builder.errors.js';
import { declaredBy, profileOf } from '../client-facts.js';
import { AskingCalls } from '../mcp/asking-calls.js';
import { HttpForwardedRequest } from '../mcp/http-forwarded-request.js';
import { McpLink } from '../mcp/mcp-link.js';
import { McpOffer } from '../mcp/mcp-offer.js';
import type { KnownEra } from '../mcp/mcp-session.js';
import { MemberEar } from '../mcp/member-ear.js';
import { MAX_STREAMS } from '../mcp/session-stream.js';
import { TaskEars } from '../mcp/task-ears.js';
import type { MemberCaller, MemberReply, MemberRequest, MemberTask, TaskWatcher } from '../member.js';
import type { EgressPool } from '#egress';
import { type CredentialOwner, EVERYBODY } from '../member-credentials.js';
import { type MemberOffer, declares } from '../member-offer.js';
import type { ReadyCall } from './live-member.js';
import { type LinkUse, MemberLinks } from './member-links.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { TimeLimit } from '../wire/time-limit.js';
import { WireMember } from './wire-member.js';

const MAX_LINKS = 1_000;
/** Links on which the member is listened to at the same time: each takes a connection. */
const MAX_EARS = 16;
/** The same of links on which calls go. */
const MAX_EARS_OF_CALLS = 32;
const OPENING_MS = 10_000;
const LISTS = ['tools', 'prompts', 'resources'];
const IDLE_MS = 360_000;

/**
 * An MCP server over Streamable HTTP, of either era. Callers of a tenant that cannot be asked anything share one session
 * with it, unless each has a credential of its own, or a tool has: then each has a session of its own, too. Callers that can
 * be asked share none with other principals, nor with clients that have declared something else. The composer's own questions
 * go in another one.
 */
export class HttpMember extends WireMember<HttpServerConfig> {
  readonly provesCredential = true;
  private readonly links: MemberLinks<McpLink>;
  private readonly era: KnownEra = { isLegacy: false };
  /** For what is said in the sessions of calls, beside the streams of answers. */
  private readonly streams: EgressPool;
  private readonly asking = new AskingCalls();
  private readonly offer: McpOffer;
  /** One for each link on which somebody wants to hear something. */
  private readonly ears = new Map<McpLink, MemberEar>();
  private readonly taskEars: TaskEars;
  private isHeard = false;

  constructor(order: MemberOrder<HttpServerConfig>) {
    super(order, new URL(order.config.endpoint));
    this.offer = new McpOffer({ ...order, origin: order.config.endpoint });
    this.streams = order.parts.egress.open(this.endpoint, { connections: MAX_STREAMS });
    this.taskEars = new TaskEars({ pool: this.pool, deadlines: order.parts.deadlines });
    this.links = new MemberLinks({
      max: MAX_LINKS,
      idleMs: IDLE_MS,
      deadlines: order.parts.deadlines,
      open: (owner, use) => this.openLink(owner, use),
      isInUse: (link) => link.isBusy || this.ears.has(link) || this.taskEars.has(link),
    });
  }

  refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    return this.offer.refresh(this.linkFor(this.credentials.ownerOf(undefined, as)), timeoutMs);
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

  /**
   * On the session that everybody shares, and in those in which calls go: some members tell what a call has changed in its
   * own session alone. What principals are offered with credentials of their own, their calls tell.
   */
  override listen(isWanted: boolean): void {
    this.isHeard = isWanted && LISTS.some((list) => declares(this.offer.current, list, 'listChanged'));
    if (this.isHeard && !this.isPerPrincipal) this.earOf(EVERYBODY)?.hear(true);
    else this.ears.get(this.links.own)?.hear(false);
  }

  /** In the session in which the caller's calls go, if there is room to hear it: some members tell what happened there alone. */
  override async watch(uri: string, caller: MemberCaller, onUpdate: () => void): Promise<() => void> {
    const owner = this.credentials.ownerOf(undefined, caller.principalId);
    const ear = (await this.earOfCalls(owner, useOf(caller))) ?? this.earOf(owner);
    if (!ear) throw new MemberBusyError();
    return ear.watch(uri, onUpdate);
  }

  override watchTask({ id, tool, as }: MemberTask, watcher: TaskWatcher): Promise<() => void> {
    const owner = this.credentials.ownerOf(tool, as);
    const credential = () => this.credentials.for(owner.tool, owner.principalId);
    return this.taskEars.watch({ link: this.linkFor(owner), credential }, id, watcher);
  }

  override forgetCredentials(principalId?: PrincipalId): void {
    super.forgetCredentials(principalId);
    this.taskEars.endOn(this.links.every(principalId));
    for (const link of this.links.every(principalId)) {
      void this.ears.get(link)?.review();
      void link.review();
    }
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    const link = this.linkFor(this.ownerOf(request), useOf(request));
    return new HttpForwardedRequest({ ...this.wirePartsFor(request), link, asking: this.asking }, request, reply);
  }

  protected override endSessions(): Promise<void> {
    for (const ear of this.ears.values()) ear.end();
    this.ears.clear();
    this.taskEars.end();
    return this.links.end();
  }

  protected override async freeConnections(): Promise<void> {
    await Promise.all([super.freeConnections(), this.streams.destroy()]);
  }

  private linkFor(owner: CredentialOwner, use?: LinkUse): McpLink {
    // A session that makes room for another one is ended, and opened anew if its owner comes again. Fewer are in use at a
    // time than there may be: there is always room.
    return this.links.for(owner, use)!;
  }

  /** Undefined: a member of the modern era tells everything to everybody, or there is no room. */
  private async earOfCalls(owner: CredentialOwner, use: LinkUse): Promise<MemberEar | undefined> {
    const link = this.linkFor(owner, use);
    const known = this.ears.get(link);
    if (known) return known;
    if (!this.hasRoomToHear(link)) return undefined;
    const { era } = await link.open(new TimeLimit(OPENING_MS));
    return era === 'legacy' && link.sessionStream?.hasRoom ? this.earOf(owner, use) : undefined;
  }

  private earOf(owner: CredentialOwner, use?: LinkUse): MemberEar | undefined {
    const link = this.linkFor(owner, use);
    const known = this.ears.get(link);
    if (known || !this.hasRoomToHear(link)) return known;
    const { parts, log, noteListChanged } = this.order;
    const ear = new MemberEar({
      link,
      pool: this.pool,
      credential: () => this.credentials.for(owner.tool, owner.principalId),
      deadlines: parts.deadlines,
      log,
      onListChange: (list) => noteListChanged(owner.principalId, list),
      onIdle: () => this.ears.delete(link),
    });
    this.ears.set(link, ear);
    return ear;
  }

  private hasRoomToHear({ isOfCalls }: McpLink): boolean {
    const alike = [...this.ears.keys()].filter((heard) => heard.isOfCalls === isOfCalls);
    return alike.length < (isOfCalls ? MAX_EARS_OF_CALLS : MAX_EARS);
  }

  private openLink({ tool, principalId }: CredentialOwner, use: LinkUse | undefined): McpLink {
    const { parts, log, noteListChanged } = this.order;
    return new McpLink({
      endpoint: this.endpoint,
      headers: this.headers,
      pool: this.pool,
      credential: () => this.credentials.for(tool, principalId),
      deadlines: parts.deadlines,
      log,
      declares: declaredBy(use?.profile),
      era: this.era,
      ...(use ? { streams: this.streams } : {}),
      hearsLists: () => this.isHeard,
      onListChange: (list) => noteListChanged(principalId, list),
    });
  }
}

export const httpMemberBuilder: MemberBuilder<HttpServerConfig> = {
  types: ['http', 'client'],
  build: async (order) => new HttpMember(order),
};

const QUIET: LinkUse = { profile: '' };

/** Of what a member asks in a session it cannot be told to which call it belongs: so a session has one principal. */
function useOf({ client, principalId }: MemberCaller): LinkUse {
  const profile = profileOf(client.capabilities);
  return profile === '' ? QUIET : { profile, caller: principalId };
}
