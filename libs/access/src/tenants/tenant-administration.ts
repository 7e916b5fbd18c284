import { randomUUID } from 'node:crypto';
import { Clock, type JsonObject, type TenantId, tenantId } from '#kernel';
import { ChangeFeed, Sealer, UnknownTenantError } from '#persistence';
import { type Actor, DEFAULT_TENANT } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { TenantPatch } from '../access-input.js';
import { type Tenant, type TenantLimits, TenantStore } from './tenant.store.js';
import { DefaultTenantError } from './tenants.errors.js';

/** How long a removal waits for other processes to shut the tenant out. */
const SHUT_OUT_MS = 3_000;

/**
 * Takes out of the world what a tenant has there, before it is removed here. Gives what it could not, in words for people;
 * bounds its own waits.
 */
export type TenantFarewell = (tenant: TenantId, actor: Actor) => Promise<readonly string[]>;

/** Makes, changes and removes tenants. For the operator alone. */
@Injectable()
export class TenantAdministration {
  private readonly farewells: TenantFarewell[] = [];

  constructor(
    private readonly tenants: TenantStore,
    private readonly feed: ChangeFeed,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  list(): Promise<readonly Tenant[]> {
    return this.tenants.list();
  }

  /** @throws UnknownTenantError */
  async get(slug: string): Promise<Tenant> {
    const tenant = await this.find(slug);
    if (!tenant) throw new UnknownTenantError();
    return tenant;
  }

  /** @throws DuplicateTenantError */
  create({ slug, name = slug }: { slug: string; name?: string | undefined }, actor: Actor): Promise<Tenant> {
    const target = targetOf(slug);
    const draft = { id: tenantId(randomUUID()), slug, name };
    return this.tenants.insert(draft, { action: 'tenant.created', actor, target, after: { slug, name } });
  }

  /** @throws UnknownTenantError, DefaultTenantError, ConflictError */
  async change(slug: string, patch: TenantPatch, actor: Actor): Promise<Tenant> {
    const before = await this.get(slug);
    if (patch.suspended === true && before.id === DEFAULT_TENANT) throw new DefaultTenantError('suspended');
    return this.replace(before, patch, actor);
  }

  /**
   * Removes a tenant with everything of it, its keys included: what was sealed for it opens nowhere any more. It is
   * shut out before it goes, everywhere, so that nobody calls in a tenant that is half gone.
   *
   * @returns what of it goes on elsewhere, and what to do about it
   * @throws UnknownTenantError, DefaultTenantError, ConflictError
   */
  async remove(slug: string, actor: Actor): Promise<readonly string[]> {
    const found = await this.get(slug);
    if (found.id === DEFAULT_TENANT) throw new DefaultTenantError('deleted');
    if (!found.suspendedAt) await this.replace(found, { suspended: true }, actor);
    await this.feed.settled(SHUT_OUT_MS);
    const left: string[] = [];
    for (const farewell of this.farewells) left.push(...(await farewell(found.id, actor)));
    const event = { action: 'tenant.deleted', actor, target: targetOf(slug), before: viewOf(found) };
    const existed = await this.tenants.remove(found.id, event);
    this.sealer.forget(found.id);
    if (!existed) throw new UnknownTenantError();
    return left;
  }

  /** Calls `farewell` for every tenant that is removed from now on, when nobody of it is let in any more. */
  beforeRemoval(farewell: TenantFarewell): void {
    this.farewells.push(farewell);
  }

  private replace(before: Tenant, patch: TenantPatch, actor: Actor): Promise<Tenant> {
    const { suspendedAt: wasSuspendedAt, ...rest } = before;
    const { suspended = wasSuspendedAt !== undefined } = patch;
    const after: Tenant = {
      ...rest,
      name: patch.name ?? before.name,
      limits: patch.limits ? limitsOf(patch.limits) : before.limits,
      auditMode: patch.audit_mode ?? before.auditMode,
      ...(suspended ? { suspendedAt: wasSuspendedAt ?? new Date(this.clock.now()) } : {}),
      version: before.version + 1,
    };
    const event = { action: 'tenant.updated', actor, target: targetOf(before.slug) };
    return this.tenants.replace(after, { ...event, before: viewOf(before), after: viewOf(after) });
  }

  private async find(slug: string): Promise<Tenant | undefined> {
    return /^[a-z0-9-]{1,63}$/.test(slug) ? this.tenants.findBySlug(slug) : undefined;
  }
}

/** A tenant as the API and the trail show it. */
export function viewOf({ slug, name, limits, auditMode, suspendedAt, version, createdAt }: Tenant): JsonObject {
  const { requestsPerSecond: rate, burst, concurrentCalls: calls } = limits;
  return {
    slug,
    name,
    limits: {
      ...(rate === undefined ? {} : { requests_per_second: rate }),
      ...(burst === undefined ? {} : { burst }),
      ...(calls === undefined ? {} : { concurrent_calls: calls }),
    },
    audit_mode: auditMode,
    suspended: suspendedAt !== undefined,
    ...(suspendedAt ? { suspended_at: suspendedAt.toISOString() } : {}),
    version,
    created_at: createdAt.toISOString(),
  };
}

function limitsOf({
  requests_per_second: rate,
  burst,
  concurrent_calls: calls,
}: NonNullable<TenantPatch['limits']>): TenantLimits {
  return {
    ...(rate === undefined ? {} : { requestsPerSecond: rate }),
    ...(burst === undefined ? {} : { burst }),
    ...(calls === undefined ? {} : { concurrentCalls: calls }),
  };
}

const targetOf = (slug: string): string => `tenant:${slug}`;
