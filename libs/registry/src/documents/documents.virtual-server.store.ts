import { type AuditEvent, RecordedDocuments } from '#audit';
import { Clock, type JsonObject, type TenantId } from '#kernel';
import { DocumentConflictError, type DocumentRef, type StoredDocument } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { VirtualServer } from '../virtual-servers/virtual-server.schema.js';
import {
  type StoredVirtualServer,
  type VirtualServerDraft,
  VirtualServerStore,
} from '../virtual-servers/virtual-server.store.js';
import { VirtualServerConflictError } from '../virtual-servers/virtual-servers.errors.js';
import { ALL } from './server-documents.js';

const VIRTUAL_SERVERS = 'virtual-server/';
const TOPIC = 'virtual-servers';

interface VirtualServerDocument {
  readonly config: Omit<VirtualServer, 'slug'>;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Virtual servers on documents, one each. */
@Injectable()
export class DocumentsVirtualServerStore extends VirtualServerStore {
  constructor(
    private readonly recorded: RecordedDocuments,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredVirtualServer[]> {
    const found = await this.recorded.range(tenant, { prefix: VIRTUAL_SERVERS, limit: ALL });
    return found.map((document) => stored(tenant, document));
  }

  override async find(tenant: TenantId, slug: string): Promise<StoredVirtualServer | undefined> {
    const found = await this.recorded.read(refOf(tenant, slug));
    return found && stored(tenant, found);
  }

  override async write(
    { tenantId, server, version }: VirtualServerDraft,
    event: AuditEvent,
  ): Promise<StoredVirtualServer> {
    const { slug, ...config } = server;
    const ref = refOf(tenantId, slug);
    const found = await this.recorded.read(ref);
    const before = found && stored(tenantId, found);
    if ((before?.version ?? 0) !== version - 1) throw new VirtualServerConflictError(slug);
    const now = new Date(this.clock.now());
    const createdAt = before?.createdAt ?? now;
    const document = { config, version, createdAt: createdAt.toISOString(), updatedAt: now.toISOString() };
    await this.recorded
      .write(ref, { body: document as unknown as JsonObject, rev: found?.rev }, { event, topic: TOPIC })
      .catch((error: unknown) => {
        throw error instanceof DocumentConflictError ? new VirtualServerConflictError(slug) : error;
      });
    return { tenantId, server, version, createdAt, updatedAt: now };
  }

  override async remove(tenant: TenantId, slug: string, event: AuditEvent): Promise<boolean> {
    const ref = refOf(tenant, slug);
    const found = await this.recorded.read(ref);
    if (!found) return false;
    await this.recorded.remove(ref, found.rev, { event, topic: TOPIC }).catch((error: unknown) => {
      throw error instanceof DocumentConflictError ? new VirtualServerConflictError(slug) : error;
    });
    return true;
  }
}

const refOf = (tenant: TenantId, slug: string): DocumentRef => ({
  partition: tenant,
  path: `${VIRTUAL_SERVERS}${slug}`,
});

function stored(tenantId: TenantId, { path, body }: StoredDocument): StoredVirtualServer {
  const { config, version, createdAt, updatedAt } = body as unknown as VirtualServerDocument;
  const server = { slug: path.slice(VIRTUAL_SERVERS.length), ...config };
  return { tenantId, server, version, createdAt: new Date(createdAt), updatedAt: new Date(updatedAt) };
}
