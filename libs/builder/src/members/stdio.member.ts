import type { StdioServerConfig, StoredCatalog } from '#registry';
import { endpointOf, stdioCommandOf } from '#registry';
import { McpOffer } from '../mcp/mcp-offer.js';
import type { MemberReply, MemberRequest } from '../member.js';
import type { MemberOffer } from '../member-offer.js';
import { StdioForwardedRequest } from '../stdio/stdio-forwarded-request.js';
import { StdioLink } from '../stdio/stdio-link.js';
import { LiveMember, type ReadyCall } from './live-member.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';

/** An MCP server that is a process on this host. All callers of a tenant share one process. */
export class StdioMember extends LiveMember<StdioServerConfig> {
  readonly provesCredential = true;
  private readonly link: StdioLink;
  private readonly offer: McpOffer;

  constructor(order: MemberOrder<StdioServerConfig>) {
    super(order, new URL(endpointOf(order.config)));
    const { config, parts, log, noteListChanged } = order;
    this.offer = new McpOffer({ ...order, origin: JSON.stringify([config.command, config.args, config.cwd]) });
    this.link = new StdioLink({
      config,
      processes: parts.processes,
      deadlines: parts.deadlines,
      log,
      noteListChanged: (list) => noteListChanged(undefined, list),
      staysOpen: config.health_check.enabled,
    });
  }

  refresh(timeoutMs: number): Promise<MemberOffer> {
    return this.offer.refresh(this.link, timeoutMs);
  }

  offered(): MemberOffer {
    return this.offer.current;
  }

  snapshot(): StoredCatalog {
    return this.offer.snapshot();
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    return new StdioForwardedRequest({ ...this.callParts, link: this.link }, request, reply);
  }

  protected override endSessions(): Promise<void> {
    return this.link.end();
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
