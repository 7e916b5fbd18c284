import { randomBytes } from 'node:crypto';
import { type AuditEvent, RecordedDocuments } from '#audit';
import { Clock, type JsonObject, type MemberRef, type ServerId, type TenantId, serverId } from '#kernel';
import { Log } from '#observability';
import { DocumentConflictError, type DocumentRef, Documents, type StoredDocument } from '#persistence';
import { Injectable } from '@nestjs/common';
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
import { CatalogDocuments } from './catalog-documents.js';
import {
  SERVERS,
  type ServerDocument,
  type VersionDocument,
  catalogRef,
  everyServer,
  serverRef,
  specificationRef,
  versionRef,
  versionsOf,
} from './server-documents.js';

const TOPIC = 'servers';

/** What belongs to a server, in the state that it was found in. */
type Belonging = DocumentRef & Pick<StoredDocument, 'rev'>;

/**
 * Configurations on documents, one for each server. Before it is replaced, a version is put into a document of its own,
 * which nothing changes any more: whoever does that twice writes the same. What belongs to a server is written after it
 * and removed after it, so a process that dies in between leaves it without its catalogue, or remains that nobody reads.
 * It bears the life of its server, and goes in the state only in which it was found: a later server of the id loses nothing.
 */
@Injectable()
export class DocumentsServerConfigStore extends ServerConfigStore {
  private readonly catalogs: CatalogDocuments;

  constructor(
    private readonly recorded: RecordedDocuments,
    private readonly documents: Documents,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    super();
    this.catalogs = new CatalogDocuments(recorded, documents);
  }

  override async list(tenant: TenantId): Promise<readonly StoredServer[]> {
    const found = await this.recorded.range(...everyServer(tenant));
    return found.map((document) => stored(tenant, document));
  }

  override async ids(tenant: TenantId): Promise<ReadonlySet<ServerId>> {
    return new Set((await this.list(tenant)).map(({ ref }) => ref.serverId));
  }

  override async find(ref: MemberRef): Promise<StoredServer | undefined> {
    const found = await this.recorded.read(serverRef(ref));
    return found && stored(ref.tenantId, found);
  }

  override async marks(tenant: TenantId): Promise<ReadonlyMap<ServerId, string>> {
    const active = (await this.list(tenant)).filter(({ config }) => config['status'] !== 'deactivated');
    return new Map(active.map((server) => [server.ref.serverId, markOf(server)]));
  }

  override async insert(draft: ServerDraft, event: AuditEvent, catalog?: StoredCatalog): Promise<StoredServer> {
    const now = new Date(this.clock.now()).toISOString();
    const life = randomBytes(12).toString('base64url');
    const server = { ...contentOf(draft), version: draft.version, life, createdAt: now, updatedAt: now };
    if (await this.find(draft.ref)) throw new DuplicateServerError(draft.ref.serverId);
    // What a process that died has left of a former one. Where somebody else registers the id, it may be his.
    const left = await this.besides(() => this.belongings(draft.ref));
    try {
      await this.put(draft.ref, server, { event });
    } catch (error) {
      const isTaken = error instanceof DocumentConflictError && (await this.find(draft.ref)) !== undefined;
      throw isTaken ? new DuplicateServerError(draft.ref.serverId) : error;
    }
    await this.besides(() => this.clear(left ?? []));
    return this.conclude(draft.ref, server, catalog);
  }

  override async replace(draft: ServerDraft, event: AuditEvent, catalog?: StoredCatalog): Promise<StoredServer> {
    const found = await this.recorded.read(serverRef(draft.ref));
    const before = found && documentIn(found);
    if (before?.version !== draft.version - 1) throw new ServerConflictError(draft.ref.serverId);
    await this.keep(draft.ref, before);
    const { life, createdAt } = before;
    const updatedAt = new Date(this.clock.now()).toISOString();
    const server = { ...contentOf(draft), version: draft.version, life, createdAt, updatedAt };
    await this.put(draft.ref, server, { event, rev: found!.rev }).catch((error: unknown) => {
      throw error instanceof DocumentConflictError ? new ServerConflictError(draft.ref.serverId) : error;
    });
    const worn = versionRef(draft.ref, { life, version: draft.version - VERSIONS_KEPT });
    await this.besides(async () => this.clear(await this.found([worn])));
    return this.conclude(draft.ref, server, catalog);
  }

  override async history(ref: MemberRef): Promise<readonly StoredVersion[]> {
    const found = await this.recorded.read(serverRef(ref));
    if (!found) return [];
    const { life, version, config, secrets, updatedAt } = documentIn(found);
    const former = Array.from({ length: Math.min(VERSIONS_KEPT, version) - 1 }, (_, n) => version - 1 - n);
    const kept = await Promise.all(
      former.map(async (one) => {
        const document = await this.documents.read(versionRef(ref, { life, version: one }));
        return document ? [{ ...(document.body as unknown as VersionDocument), version: one }] : [];
      }),
    );
    const all = [{ config, secrets, version, createdAt: updatedAt }, ...kept.flat()];
    return all.map(({ createdAt, ...content }) => ({ ref, ...content, createdAt: new Date(createdAt) }));
  }

  override async remove({ ref, version }: Pick<StoredServer, 'ref' | 'version'>, event: AuditEvent): Promise<boolean> {
    const found = await this.recorded.read(serverRef(ref));
    if (!found) return false;
    const before = documentIn(found);
    if (before.version !== version) throw new ServerConflictError(ref.serverId);
    await this.recorded.remove(serverRef(ref), found.rev, { event, topic: TOPIC }).catch((error: unknown) => {
      throw error instanceof DocumentConflictError ? new ServerConflictError(ref.serverId) : error;
    });
    await this.besides(async () => this.clear(await this.belongings(ref, before.life)));
    return true;
  }

  private async put(
    ref: MemberRef,
    server: ServerDocument,
    { event, rev }: { readonly event: AuditEvent; readonly rev?: string },
  ): Promise<void> {
    await this.recorded.write(serverRef(ref), { body: server as unknown as JsonObject, rev }, { event, topic: TOPIC });
  }

  private async keep(ref: MemberRef, { config, secrets, updatedAt, ...names }: ServerDocument): Promise<void> {
    const version: VersionDocument = { config, secrets, createdAt: updatedAt };
    await this.documents.write(versionRef(ref, names), version as unknown as JsonObject).catch((error: unknown) => {
      if (!(error instanceof DocumentConflictError)) throw error; // it is there already
    });
  }

  private async conclude(ref: MemberRef, server: ServerDocument, catalog?: StoredCatalog): Promise<StoredServer> {
    if (catalog) await this.besides(() => this.catalogs.write(ref, server.life, catalog));
    return storedServer(ref, server);
  }

  /** It is the change that counts; what goes with it may fail. */
  private async besides<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.log.warn('what belongs to a server was left as it was', { err: error });
      return undefined;
    }
  }

  /** What there is of the servers of an id, or of that with the life alone. */
  private async belongings(ref: MemberRef, life?: string): Promise<readonly Belonging[]> {
    const prefix = versionsOf(ref, life);
    const versions = await this.documents.range(ref.tenantId, { prefix });
    const others = await this.found([catalogRef(ref), specificationRef(ref)], life);
    return [...versions.map(({ path, rev }) => ({ partition: ref.tenantId, path, rev })), ...others];
  }

  private async found(refs: readonly DocumentRef[], life?: string): Promise<readonly Belonging[]> {
    const all = await Promise.all(
      refs.map(async (ref) => {
        const document = await this.documents.read(ref);
        return document && (life ?? document.body['life']) === document.body['life']
          ? [{ ...ref, rev: document.rev }]
          : [];
      }),
    );
    return all.flat();
  }

  private async clear(belongings: readonly Belonging[]): Promise<void> {
    for (const { rev, ...ref } of belongings) {
      await this.documents.remove(ref, rev).catch((error: unknown) => {
        if (!(error instanceof DocumentConflictError)) throw error; // it is somebody else's by now
      });
    }
  }
}

const documentIn = ({ body }: StoredDocument): ServerDocument => body as unknown as ServerDocument;

const contentOf = ({ config, secrets }: ServerDraft) => ({ config, secrets });

function stored(tenantId: TenantId, document: StoredDocument): StoredServer {
  const ref = { tenantId, serverId: serverId(document.path.slice(SERVERS.length)) };
  return storedServer(ref, documentIn(document));
}

function storedServer(ref: MemberRef, { config, secrets, version, ...times }: ServerDocument): StoredServer {
  const [createdAt, updatedAt] = [new Date(times.createdAt), new Date(times.updatedAt)];
  return { ref, config, secrets, version, createdAt, updatedAt };
}
