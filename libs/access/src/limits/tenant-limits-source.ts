import type { TenantId } from '#kernel';
import type { TenantLimits } from '../tenants/tenant.store.js';

/** What a tenant's own limits are, without waiting: asked at every request. */
export abstract class TenantLimitsSource {
  /** Undefined where the operator's defaults hold, or nothing is known of the tenant yet. */
  abstract limitsOf(tenant: TenantId): TenantLimits | undefined;
}
