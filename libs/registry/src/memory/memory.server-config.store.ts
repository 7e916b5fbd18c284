import type { AuditEvent } from '#audit';
import { type MemberRef, type ServerId, type TenantId, memberKey } from '#kernel';
import type { StoredCatalog } from '../catalog.store.js';
import { DuplicateServerError, ServerConflictError } from '../registry.errors.js';
import {
  ServerConfigStore,
  type ServerDraft,
  type StoredServer,
  type StoredVersion,
  VERSIONS_KEPT,
  markOf,
} from '../server-config.store.js';
import { MemoryCatalogStore } from './memory.catalog.store.js';

/** For tests: configurations of one process, gone with it. */
export class MemoryServerConfigStore extends ServerConfigStore {
  /** What was recorded, oldest first. */
  readonly recorded: { readonly tenantId: TenantId; readonly event: AuditEvent }[] = [];
  private readonly servers = new Map<string, StoredServer>();
  private readonly versions = new Map<string, readonly StoredVersion[]>();

  constructor(private readonly catalogs: MemoryCatalogStore = new MemoryCatalogStore()) {
    super();
    catalogs.exists = (ref) => this.servers.has(memberKey(ref));
  }

  override async list(tenant: TenantId): Promise<readonly StoredServer[]> {
    const own = [...this.servers.values()].filter(({ ref }) => ref.tenantId === tenant);
    return own.sort((a, b) => (a.ref.serverId < b.ref.serverId ? -1 : 1)).map((server) => structuredClone(server));
  }

  override async ids(tenant: TenantId): Promise<ReadonlySet<ServerId>> {
    return new Set((await this.list(tenant)).map(({ ref }) => ref.serverId));
  }

  override async find(ref: MemberRef): Promise<StoredServer | undefined> {
    return structuredClone(this.servers.get(memberKey(ref)));
  }

  override async marks(tenant: TenantId): Promise<ReadonlyMap<ServerId, string>> {
    const active = (await this.list(tenant)).filter(({ config }) => config['status'] !== 'deactivated');
    return new Map(active.map((server) => [server.ref.serverId, markOf(server)]));
  }

  override async insert(draft: ServerDraft, event: AuditEvent, catalog?: StoredCatalog): Promise<StoredServer> {
    if (this.servers.has(memberKey(draft.ref))) throw new DuplicateServerError(draft.ref.serverId);
    this.record(draft.ref, event);
    return this.put(draft, new Date(), catalog);
  }

  override async replace(draft: ServerDraft, event: AuditEvent, catalog?: StoredCatalog): Promise<StoredServer> {
    const before = this.servers.get(memberKey(draft.ref));
    if (before?.version !== draft.version - 1) throw new ServerConflictError(draft.ref.serverId);
    this.record(draft.ref, event);
    return this.put(draft, before.createdAt, catalog);
  }

  override async history(ref: MemberRef): Promise<readonly StoredVersion[]> {
    return structuredClone(this.versions.get(memberKey(ref)) ?? []);
  }

  override async remove({ ref, version }: Pick<StoredServer, 'ref' | 'version'>, event: AuditEvent): Promise<boolean> {
    const found = this.servers.get(memberKey(ref));
    if (!found) return false;
    if (found.version !== version) throw new ServerConflictError(ref.serverId);
    this.record(ref, event);
    this.versions.delete(memberKey(ref));
    this.catalogs.forget(ref);
    return this.servers.delete(memberKey(ref));
  }

  private record({ tenantId }: MemberRef, event: AuditEvent): void {
    this.recorded.push({ tenantId, event: structuredClone(event) });
  }

  private async put(draft: ServerDraft, createdAt: Date, catalog?: StoredCatalog): Promise<StoredServer> {
    const server = { ...structuredClone(draft), createdAt, updatedAt: new Date() };
    this.servers.set(memberKey(draft.ref), server);
    const before = this.versions.get(memberKey(draft.ref)) ?? [];
    const version = { ...structuredClone(draft), createdAt: server.updatedAt };
    this.versions.set(memberKey(draft.ref), [version, ...before].slice(0, VERSIONS_KEPT));
    if (catalog) await this.catalogs.write(draft.ref, catalog);
    return structuredClone(server);
  }
}
