import type { AuditEvent } from '#audit';
import type { TenantId } from '#kernel';
import type { VirtualServer } from './virtual-server.schema.js';

export interface StoredVirtualServer {
  readonly tenantId: TenantId;
  readonly server: VirtualServer;
  /** Counts the changes, from 1. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type VirtualServerDraft = Pick<StoredVirtualServer, 'tenantId' | 'server' | 'version'>;

/**
 * Durable home of virtual servers. Changes are recorded in the same transaction, and announce the topic
 * `virtual-servers`.
 */
export abstract class VirtualServerStore {
  /** Ordered by slug. */
  abstract list(tenant: TenantId): Promise<readonly StoredVirtualServer[]>;
  abstract find(tenant: TenantId, slug: string): Promise<StoredVirtualServer | undefined>;
  /** Version 1 must be new, any other one must follow the stored one. @throws VirtualServerConflictError */
  abstract write(draft: VirtualServerDraft, event: AuditEvent): Promise<StoredVirtualServer>;
  /** False if there was none. */
  abstract remove(tenant: TenantId, slug: string, event: AuditEvent): Promise<boolean>;
}
