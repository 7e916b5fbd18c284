import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import { type StoredVirtualServer, type VirtualServerDraft, VirtualServerStore } from './virtual-server.store.js';
import { VirtualServerConflictError } from './virtual-servers.errors.js';

/** For tests: virtual servers of one process, gone with it. */
export class MemoryVirtualServerStore extends VirtualServerStore {
  private readonly stored = new Map<string, StoredVirtualServer>();
  readonly events: { readonly tenantId: TenantId; readonly event: AuditEvent }[] = [];
  /** Told of every change, as the change feed tells it. */
  onChange: (tenant: TenantId) => void = () => undefined;

  override async list(tenant: TenantId): Promise<readonly StoredVirtualServer[]> {
    const own = [...this.stored.values()].filter(({ tenantId }) => tenantId === tenant);
    return structuredClone(own.sort((a, b) => (a.server.slug < b.server.slug ? -1 : 1)));
  }

  override async find(tenant: TenantId, slug: string): Promise<StoredVirtualServer | undefined> {
    return structuredClone(this.stored.get(keyOf(tenant, slug)));
  }

  override async write(draft: VirtualServerDraft, event: AuditEvent): Promise<StoredVirtualServer> {
    const key = keyOf(draft.tenantId, draft.server.slug);
    const before = this.stored.get(key);
    if ((before?.version ?? 0) !== draft.version - 1) throw new VirtualServerConflictError(draft.server.slug);
    const now = new Date();
    this.stored.set(key, { ...structuredClone(draft), createdAt: before?.createdAt ?? now, updatedAt: now });
    this.note(draft.tenantId, event);
    return structuredClone(this.stored.get(key)!);
  }

  override async remove(tenant: TenantId, slug: string, event: AuditEvent): Promise<boolean> {
    if (!this.stored.delete(keyOf(tenant, slug))) return false;
    this.note(tenant, event);
    return true;
  }

  private note(tenantId: TenantId, event: AuditEvent): void {
    this.events.push({ tenantId, event });
    this.onChange(tenantId);
  }
}

const keyOf = (tenant: TenantId, slug: string): string => `${tenant}/${slug}`;
