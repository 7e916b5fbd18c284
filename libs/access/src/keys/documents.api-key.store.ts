import { type AuditEvent, RecordedDocuments } from '#audit';
import { Clock, type PrincipalId, type TenantId } from '#kernel';
import type { StoredDocument } from '#persistence';
import { Injectable } from '@nestjs/common';
import { afterOthers } from '../after-others.js';
import { birthIn, principalRef } from '../principals/documents.principal.store.js';
import { UnknownPrincipalError } from '../principals/principals.errors.js';
import { API_KEYS, apiKeyBody, apiKeyOf, apiKeyRef, keyOwnerIn } from './api-key-document.js';
import { type ApiKeyDraft, ApiKeyStore, MAX_KEYS, type StoredApiKey } from './api-key.store.js';
import { TooManyKeysError } from './keys.errors.js';

const TOPIC = 'access';
/** Keys that two processes make at the same time may pass the limit together, by so many. */
const BEYOND = 100;

/**
 * API keys as documents of their tenant. A key whose principal is gone is as good as gone, whether it was removed with
 * it or not: it bears the birth of its principal.
 */
@Injectable()
export class DocumentsApiKeyStore extends ApiKeyStore {
  constructor(
    private readonly documents: RecordedDocuments,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredApiKey[]> {
    const { living } = await this.all(tenant);
    return living
      .map(({ body }) => apiKeyOf(tenant, body))
      .sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? -1 : 1))
      .slice(0, MAX_KEYS);
  }

  override async find(tenant: TenantId, id: string): Promise<StoredApiKey | undefined> {
    const found = await this.living(tenant, id);
    return found && apiKeyOf(tenant, found.body);
  }

  override async insert(draft: ApiKeyDraft, event: AuditEvent): Promise<StoredApiKey> {
    const { tenantId: tenant, id, principalId: principal } = draft;
    const birth = await this.birthOf(tenant, principal);
    if (birth === undefined) throw new UnknownPrincipalError();
    const newest = await this.makeRoom(tenant);
    const key = { ...draft, createdAt: new Date(Math.max(this.clock.now(), newest + 1)) };
    const body = apiKeyBody(key, birth);
    await this.documents.write(apiKeyRef(tenant, id), { body }, { event, topic: TOPIC });
    return apiKeyOf(tenant, body);
  }

  override async revoke(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean> {
    return afterOthers(async () => {
      const found = await this.living(tenant, id);
      if (!found || found.body['revokedAt'] !== undefined) return found !== undefined;
      const body = { ...found.body, revokedAt: new Date(this.clock.now()).toISOString() };
      await this.documents.write(apiKeyRef(tenant, id), { body, rev: found.rev }, { event, topic: TOPIC });
      return true;
    });
  }

  override async touch(tenant: TenantId, uses: ReadonlyMap<string, Date>): Promise<void> {
    for (const [id, at] of uses) await afterOthers(() => this.use(tenant, id, at));
  }

  private async use(tenant: TenantId, id: string, at: Date): Promise<void> {
    const found = await this.documents.read(apiKeyRef(tenant, id));
    const { lastUsedAt } = found ? apiKeyOf(tenant, found.body) : {};
    if (!found || (lastUsedAt && lastUsedAt >= at)) return;
    const body = { ...found.body, lastUsedAt: at.toISOString() };
    await this.documents.write(apiKeyRef(tenant, id), { body, rev: found.rev }, { event: undefined });
  }

  private async living(tenant: TenantId, id: string): Promise<StoredDocument | undefined> {
    const found = await this.documents.read(apiKeyRef(tenant, id));
    const owner = found && keyOwnerIn(found.body);
    return owner && (await this.birthOf(tenant, owner.id)) === owner.birth ? found : undefined;
  }

  private async birthOf(tenant: TenantId, id: PrincipalId): Promise<string | undefined> {
    const principal = await this.documents.read(principalRef(tenant, id));
    return principal && birthIn(principal.body);
  }

  /**
   * Keys that have ended go when there are too many, the oldest first; those of principals that are gone before them.
   *
   * @returns when the newest one was made
   */
  private async makeRoom(tenant: TenantId): Promise<number> {
    const { living, orphans, count } = await this.all(tenant);
    const newest = living.reduce((latest, { body }) => Math.max(latest, Date.parse(body['createdAt'] as string)), 0);
    const surplus = count - MAX_KEYS + 1;
    if (surplus <= 0) return newest;
    const now = this.clock.now();
    const ended = living.filter(({ body }) => {
      const { revokedAt, expiresAt } = apiKeyOf(tenant, body);
      return revokedAt !== undefined || (expiresAt !== undefined && expiresAt.getTime() <= now);
    });
    ended.sort((a, b) => ((a.body['createdAt'] as string) < (b.body['createdAt'] as string) ? -1 : 1));
    const going = [...orphans, ...ended].slice(0, surplus);
    if (going.length < surplus) throw new TooManyKeysError(MAX_KEYS);
    for (const { path, rev } of going) {
      await this.documents.remove({ partition: tenant, path }, rev, { event: undefined });
    }
    return newest;
  }

  private async all(tenant: TenantId) {
    const keys = await this.documents.range(tenant, { prefix: API_KEYS, limit: MAX_KEYS + BEYOND });
    const owners = new Map(keys.map(({ body }) => [keyOwnerIn(body).id, undefined as string | undefined]));
    for (const id of owners.keys()) owners.set(id, await this.birthOf(tenant, id));
    const isLiving = ({ body }: StoredDocument) => owners.get(keyOwnerIn(body).id) === keyOwnerIn(body).birth;
    const living = keys.filter(isLiving);
    return { living, orphans: keys.filter((key) => !isLiving(key)), count: keys.length };
  }
}
