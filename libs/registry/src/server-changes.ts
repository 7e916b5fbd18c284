import type { TenantId } from '#kernel';
import { ChangeFeed } from '#persistence';
import { Injectable } from '@nestjs/common';

/** What the stores announce about servers. */
export const SERVERS_TOPIC = 'servers';

/** What the token store announces about credentials that issuers have given. */
const CREDENTIALS_TOPIC = 'credentials';

/** Tells that the servers of a tenant have changed in the store, whichever process changed them. */
@Injectable()
export class ServerChanges {
  constructor(private readonly feed: ChangeFeed) {}

  /**
   * Calls `listener` with the tenant from now on; again, if it rejects, until it succeeds. Never twice at once for one
   * tenant. Returns how to stop it.
   */
  onChange(listener: (tenant: TenantId) => Promise<void>): () => void {
    return this.feed.onChange(({ tenantId, topic }) => (topic === SERVERS_TOPIC ? listener(tenantId) : undefined));
  }

  /** The same of the credentials that servers are called with: tells the tenant, and not whose they are. */
  onCredentialsChange(listener: (tenant: TenantId) => void): () => void {
    return this.feed.onChange(({ tenantId, topic }) => (topic === CREDENTIALS_TOPIC ? listener(tenantId) : undefined));
  }
}
