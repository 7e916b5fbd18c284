import type { PrincipalId } from '#kernel';
import type { HttpServerConfig, StoredCatalog } from '#registry';
import { HttpForwardedRequest } from '../mcp/http-forwarded-request.js';
import { McpLink } from '../mcp/mcp-link.js';
import { McpOffer } from '../mcp/mcp-offer.js';
import type { MemberReply, MemberRequest } from '../member.js';
import type { CredentialOwner } from '../member-credentials.js';
import type { MemberOffer } from '../member-offer.js';
import type { ReadyCall } from './live-member.js';
import { MemberLinks } from './member-links.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { WireMember } from './wire-member.js';

const MAX_LINKS = 1_000;
/** Longer than any call may take, so that none is under way in a session that is ended. */
const IDLE_MS = 360_000;

/**
 * An MCP server over Streamable HTTP, of either era. All callers of a tenant share one session with it, unless each has a
 * credential of its own, or a tool has: then each has a session of its own, too.
 */
export class HttpMember extends WireMember<HttpServerConfig> {
  readonly provesCredential = true;
  private readonly links: MemberLinks<McpLink>;
  private readonly offer: McpOffer;

  constructor(order: MemberOrder<HttpServerConfig>) {
    super(order, new URL(order.config.endpoint));
    this.offer = new McpOffer({ ...order, origin: order.config.endpoint });
    this.links = new MemberLinks({
      max: MAX_LINKS,
      idleMs: IDLE_MS,
      deadlines: order.parts.deadlines,
      open: (owner) => this.openLink(owner),
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

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    const parts = { ...this.wirePartsFor(request), link: this.linkFor(this.ownerOf(request)) };
    return new HttpForwardedRequest(parts, request, reply);
  }

  protected override endSessions(): Promise<void> {
    return this.links.end();
  }

  private linkFor(owner: CredentialOwner): McpLink {
    // A session that makes room for another one is ended, and opened anew if its owner comes again: there is always room.
    return this.links.for(owner)!;
  }

  private openLink({ tool, principalId }: CredentialOwner): McpLink {
    const { parts, log } = this.order;
    return new McpLink({
      endpoint: this.endpoint,
      headers: this.headers,
      pool: this.pool,
      credential: () => this.credentials.for(tool, principalId),
      deadlines: parts.deadlines,
      log,
    });
  }
}

export const httpMemberBuilder: MemberBuilder<HttpServerConfig> = {
  types: ['http', 'client'],
  build: async (order) => new HttpMember(order),
};
