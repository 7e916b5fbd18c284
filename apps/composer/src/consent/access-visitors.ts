import type { IncomingMessage } from 'node:http';
import { AccessDirectory, CallerIdentity, PrincipalStore, RequestLimits } from '#access';
import { type Visitor, Visitors } from '#auth';
import { Injectable } from '@nestjs/common';

/** Who sits at a browser, as access knows it: by a sign-in, by an API key shown a moment ago, or on this machine. */
@Injectable()
export class AccessVisitors extends Visitors {
  constructor(
    private readonly identity: CallerIdentity,
    private readonly directory: AccessDirectory,
    private readonly principals: PrincipalStore,
    private readonly limits: RequestLimits,
  ) {
    super();
  }

  override async find(request: IncomingMessage): Promise<Visitor | undefined> {
    const { principal, refusal } = await this.identity.identifyBrowser(request);
    if (!principal) {
      if (refusal.status === 401) return undefined;
      throw refusal;
    }
    const oneTooMany = this.limits.refusalOf(principal);
    if (oneTooMany) throw oneTooMany;
    const { id, tenantId } = principal;
    const [tenant, stored] = await Promise.all([this.directory.tenant(tenantId), this.principals.find(tenantId, id)]);
    if (!tenant) return undefined;
    return { principal, name: stored?.name ?? id, tenantSlug: tenant.slug, tenantName: tenant.name };
  }
}
