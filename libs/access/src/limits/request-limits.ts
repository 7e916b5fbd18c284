import { Clock } from '#kernel';
import type { Principal } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { type LimitsConfig, type Rate, limitsConfig } from './limits.config.js';
import { RateLimitedError } from './limits.errors.js';
import { TenantLimitsSource } from './tenant-limits-source.js';
import { TokenBuckets } from './token-buckets.js';

interface Keys {
  readonly principal: string;
  readonly credential: string;
}

/**
 * How often a tenant, a principal and a credential may ask, counted by this process alone. A request is taken from all
 * three buckets or from none, so that what one bound refuses does not use up another.
 */
@Injectable()
export class RequestLimits {
  private readonly tenants = new TokenBuckets<string>();
  private readonly principals = new TokenBuckets<string>();
  private readonly credentials = new TokenBuckets<string>();
  /** Access keeps its principals, so that most requests find their keys here. */
  private readonly keys = new WeakMap<Principal, Keys>();

  constructor(
    @Inject(limitsConfig.KEY) private readonly config: LimitsConfig,
    private readonly source: TenantLimitsSource,
    private readonly clock: Clock,
  ) {}

  /** Counts a request of the principal. Gives the error to answer with if it is one too many; it is not counted then. */
  refusalOf(principal: Principal): RateLimitedError | undefined {
    // Without authentication there is one developer, on loopback.
    if (principal.credential.kind === 'none') return undefined;
    const now = this.clock.now();
    const keys = this.keysOf(principal);
    const tenantRate = this.rateOf(principal);
    const { principal: principalRate, credential: credentialRate } = this.config;

    const forTenant = this.tenants.waitOf(principal.tenantId, tenantRate, now);
    if (forTenant > 0) return new RateLimitedError('this tenant has asked too often', forTenant);
    const forPrincipal = this.principals.waitOf(keys.principal, principalRate, now);
    if (forPrincipal > 0) return new RateLimitedError('you have asked too often', forPrincipal);
    const forCredential = this.credentials.waitOf(keys.credential, credentialRate, now);
    if (forCredential > 0) return new RateLimitedError('this credential was used too often', forCredential);

    this.tenants.take(principal.tenantId, tenantRate, now);
    this.principals.take(keys.principal, principalRate, now);
    this.credentials.take(keys.credential, credentialRate, now);
    return undefined;
  }

  private rateOf({ tenantId }: Principal): Rate {
    const own = this.source.limitsOf(tenantId);
    const { tenant } = this.config;
    if (own?.requestsPerSecond === undefined && own?.burst === undefined) return tenant;
    return { perSecond: own.requestsPerSecond ?? tenant.perSecond, burst: own.burst ?? tenant.burst };
  }

  private keysOf(principal: Principal): Keys {
    let keys = this.keys.get(principal);
    if (!keys) {
      const { tenantId, id, credential } = principal;
      keys = { principal: `${tenantId}/${id}`, credential: `${tenantId}/${credential.kind}/${credential.id}` };
      this.keys.set(principal, keys);
    }
    return keys;
  }
}
