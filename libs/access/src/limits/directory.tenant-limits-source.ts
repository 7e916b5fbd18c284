import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import { AccessChanges } from '../directory/access-changes.js';
import { AccessDirectory } from '../directory/access-directory.js';
import type { TenantLimits } from '../tenants/tenant.store.js';
import { TenantLimitsSource } from './tenant-limits-source.js';

const MAX_TENANTS = 10_000;

interface Known {
  limits: TenantLimits | undefined;
  /** What was known when it was asked for. */
  mark: number;
}

/**
 * The limits of tenants, as they were last heard of: what is not known yet, or has changed, is asked for beside the
 * request, which does not wait. The directory has it in memory as a rule, since it has just told who calls.
 */
@Injectable()
export class DirectoryTenantLimitsSource extends TenantLimitsSource {
  /** The one that was asked for first comes first. */
  private readonly known = new Map<TenantId, Known>();

  constructor(
    private readonly directory: AccessDirectory,
    private readonly changes: AccessChanges,
    private readonly log: Log,
  ) {
    super();
  }

  override limitsOf(tenant: TenantId): TenantLimits | undefined {
    let known = this.known.get(tenant);
    if (known && !this.changes.hasChanged(tenant, known.mark)) return known.limits;
    if (!known) {
      if (this.known.size >= MAX_TENANTS) this.known.delete(this.known.keys().next().value!);
      this.known.set(tenant, (known = { limits: undefined, mark: 0 }));
    }
    known.mark = this.changes.mark();
    void this.learn(tenant, known);
    return known.limits;
  }

  private async learn(tenant: TenantId, known: Known): Promise<void> {
    try {
      known.limits = (await this.directory.tenant(tenant))?.limits;
    } catch (error) {
      this.log.warn('the limits of a tenant could not be read; the ones known before hold', { tenant, err: error });
      if (this.known.get(tenant) === known) this.known.delete(tenant);
    }
  }
}
