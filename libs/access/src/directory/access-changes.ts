import type { TenantId } from '#kernel';
import { ChangeFeed } from '#persistence';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

const MAX_TENANTS = 10_000;
/** Without a proof that no change was missed for this long, nothing that was remembered lets anybody in. */
const MAX_STALENESS_MS = 5 * 60_000;

/**
 * When who may call has changed, tenant by tenant, for everything here that remembers something. A cache takes a mark
 * before it begins to look something up, keeps it with the answer, and asks before each use whether the tenant has
 * changed since: so an answer from before a change is never used after it, in whatever order the news arrives.
 */
@Injectable()
export class AccessChanges implements OnModuleInit, OnApplicationShutdown {
  private count = 0;
  /** The number of each tenant's last change; the one that has not changed for longest comes first. */
  private readonly last = new Map<TenantId, number>();
  /** The highest number that was forgotten. */
  private forgotten = 0;
  private stopListening: () => void = () => undefined;

  constructor(private readonly feed: ChangeFeed) {}

  onModuleInit(): void {
    this.stopListening = this.feed.onChange(({ tenantId, topic }) => {
      if (topic === 'access') this.note(tenantId);
    });
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  /** Now, to compare with later. */
  mark(): number {
    return this.count;
  }

  hasChanged(tenant: TenantId, since: number): boolean {
    return since < this.forgotten || since < (this.last.get(tenant) ?? 0);
  }

  /** Whether any tenant has changed, for answers that belong to none. */
  hasAnyChanged(since: number): boolean {
    return since < this.count;
  }

  /** Whether what was remembered may be used at all. */
  areKnown(): boolean {
    return this.feed.staleness() <= MAX_STALENESS_MS;
  }

  private note(tenant: TenantId): void {
    this.count += 1;
    this.last.delete(tenant);
    this.last.set(tenant, this.count);
    if (this.last.size <= MAX_TENANTS) return;
    const [oldest, number] = this.last.entries().next().value!;
    this.last.delete(oldest);
    this.forgotten = number;
  }
}
