import type { EgressPool } from '#egress';
import type { MemberRequest } from '../member.js';
import type { CredentialOwner } from '../member-credentials.js';
import { lowerCased } from '../wire/request-head.js';
import type { WireCallParts, WireParts } from './call-parts.js';
import { LiveMember, type MemberConfig } from './live-member.js';
import type { MemberOrder } from './member-parts.js';

type WireConfig = MemberConfig & {
  readonly headers: Readonly<Record<string, string>>;
  readonly forward_headers: readonly string[];
};

/** A member that is reached over HTTP: it has connections of its own. */
export abstract class WireMember<C extends WireConfig> extends LiveMember<C> {
  protected readonly headers: Readonly<Record<string, string>>;
  protected readonly pool: EgressPool;
  private readonly wireParts: WireParts;

  constructor(order: MemberOrder<C>, endpoint: URL) {
    super(order, endpoint);
    const { config, parts } = order;
    const timeoutMs = config.timeout * 1000;
    this.headers = lowerCased(config.headers);
    this.pool = parts.egress.open(endpoint, { headersTimeoutMs: timeoutMs, idleTimeoutMs: timeoutMs });
    const { pool, headers } = this;
    this.wireParts = { ...this.callParts, pool, headers, forwardHeaders: config.forward_headers };
  }

  protected wirePartsFor(request: MemberRequest): WireCallParts {
    const credential = this.credentials.for(toolOf(request), request.principalId);
    return { ...this.wireParts, credential };
  }

  protected ownerOf(request: MemberRequest): CredentialOwner {
    return this.credentials.ownerOf(toolOf(request), request.principalId);
  }

  protected override get hasRoom(): boolean {
    return this.pool.hasRoom;
  }

  protected override async freeConnections(): Promise<void> {
    await this.pool.destroy();
  }
}

/** Tools alone may have a credential of their own, and it is good for what comes of their calls. */
const toolOf = ({ method, target, tool }: MemberRequest): string | undefined =>
  method === 'tools/call' ? target : tool;
