import { randomUUID } from 'node:crypto';
import { type AuditEvent, ClaimTakenError, RecordedDocuments } from '#audit';
import { Clock, type JsonObject, type PrincipalId, type TenantId, principalId } from '#kernel';
import { DocumentConflictError, type DocumentRef, type StoredDocument } from '#persistence';
import { Injectable } from '@nestjs/common';
import { ConflictError } from '../access.errors.js';
import { afterOthers } from '../after-others.js';
import { hashOf, pathOf } from '../document-paths.js';
import { API_KEYS, keyOwnerIn } from '../keys/api-key-document.js';
import { type ExternalIdentity, type PrincipalDraft, PrincipalStore, type StoredPrincipal } from './principal.store.js';
import { UnknownPrincipalError } from './principals.errors.js';

const KIND = 'principal';
const PAGE = 1000;
const TOPIC = 'access';

/**
 * Principals as documents of their tenant. An identity is a claim of its principal. Each principal has a random mark of
 * its own, its birth, which its keys bear: keys that a removal has not caught open nothing, also when another principal
 * of the same id is made.
 */
@Injectable()
export class DocumentsPrincipalStore extends PrincipalStore {
  constructor(
    private readonly documents: RecordedDocuments,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async list(
    tenant: TenantId,
    { after, limit }: { readonly after?: string; readonly limit: number },
  ): Promise<readonly StoredPrincipal[]> {
    const behind = after ? { after: pathOf(KIND, after) } : {};
    const page = await this.documents.range(tenant, { prefix: `${KIND}/`, ...behind, limit });
    return page.map(({ body }) => principalOf(tenant, body));
  }

  override async find(tenant: TenantId, id: PrincipalId): Promise<StoredPrincipal | undefined> {
    const found = await this.documents.read(principalRef(tenant, id));
    return found && principalOf(tenant, found.body);
  }

  override async findByIdentity(tenant: TenantId, identity: ExternalIdentity): Promise<StoredPrincipal | undefined> {
    const found = await this.documents.readClaimed(identityRef(tenant, identity));
    const principal = found && principalOf(tenant, found.body);
    const isIt = principal?.identity?.issuer === identity.issuer && principal.identity.subject === identity.subject;
    return isIt ? principal : undefined;
  }

  override async hasOperatorOf(tenant: TenantId, issuer: string): Promise<boolean> {
    let after = '';
    for (;;) {
      const page = await this.documents.range(tenant, { prefix: `${KIND}/`, after, limit: PAGE });
      const principals = page.map(({ body }) => principalOf(tenant, body));
      if (principals.some(({ identity, roles }) => identity?.issuer === issuer && roles.includes('operator')))
        return true;
      if (page.length < PAGE) return false;
      after = page.at(-1)!.path;
    }
  }

  override async insert(draft: PrincipalDraft, event: AuditEvent): Promise<StoredPrincipal> {
    const { tenantId: tenant, id, identity } = draft;
    const claims = identity ? [{ ref: identityRef(tenant, identity) }] : [];
    const made = bodyOf({ ...draft, version: 1, createdAt: new Date(this.clock.now()) }, randomUUID());
    return afterOthers(async () => {
      const known = (identity && (await this.findByIdentity(tenant, identity))) ?? (await this.find(tenant, id));
      if (known) return known;
      try {
        await this.documents.write(principalRef(tenant, id), { body: made }, { event, topic: TOPIC, claims });
        return principalOf(tenant, made);
      } catch (error) {
        // Whoever has the identity is about to be seen.
        throw error instanceof ClaimTakenError ? new DocumentConflictError(error) : error;
      }
    });
  }

  override async replace(principal: StoredPrincipal, event: AuditEvent): Promise<StoredPrincipal> {
    const { tenantId: tenant, id, version } = principal;
    const ref = principalRef(tenant, id);
    const known = await this.documents.read(ref);
    if (!known) throw new UnknownPrincipalError();
    const before = principalOf(tenant, known.body);
    if (before.version !== version - 1) throw new ConflictError();
    const { kind, identity: _, createdAt } = before;
    const { identity: __, ...given } = principal;
    const kept = { kind, createdAt, ...(before.identity ? { identity: before.identity } : {}) };
    const body = bodyOf({ ...given, ...kept }, birthIn(known.body));
    try {
      await this.documents.write(ref, { body, rev: known.rev }, { event, topic: TOPIC });
    } catch (error) {
      throw error instanceof DocumentConflictError ? new ConflictError() : error;
    }
    return principalOf(tenant, body);
  }

  override async remove(tenant: TenantId, id: PrincipalId, event: AuditEvent): Promise<boolean> {
    return afterOthers(async () => {
      const ref = principalRef(tenant, id);
      const known = await this.documents.read(ref);
      if (!known) return false;
      const { identity } = principalOf(tenant, known.body);
      const releases = identity ? [identityRef(tenant, identity)] : [];
      const drops = await this.keysOf(tenant, birthIn(known.body));
      await this.documents.remove(ref, known.rev, { event, topic: TOPIC, releases, drops });
      return true;
    });
  }

  private async keysOf(tenant: TenantId, birth: string): Promise<readonly DocumentRef[]> {
    const keys = await this.documents.range(tenant, { prefix: API_KEYS, limit: 2 * PAGE });
    return keys.filter(({ body }) => keyOwnerIn(body).birth === birth).map(({ path }) => ({ partition: tenant, path }));
  }
}

export const principalRef = (tenant: TenantId, id: string): DocumentRef => ({
  partition: tenant,
  path: pathOf(KIND, id),
});

/** What tells a principal from another one that had its id before. */
export const birthIn = (body: StoredDocument['body']): string => body['birth'] as string;

const identityRef = (tenant: TenantId, { issuer, subject }: ExternalIdentity): DocumentRef => ({
  partition: tenant,
  path: `principal-identity/${hashOf(JSON.stringify([issuer, subject]))}`,
});

function bodyOf(principal: StoredPrincipal, birth: string): JsonObject {
  const { id, kind, name, roles, identity, disabledAt, validAfter, version, createdAt } = principal;
  return {
    id,
    kind,
    name,
    roles,
    ...(identity ? { identity: { issuer: identity.issuer, subject: identity.subject } } : {}),
    ...(disabledAt ? { disabledAt: disabledAt.toISOString() } : {}),
    ...(validAfter ? { validAfter: validAfter.toISOString() } : {}),
    version,
    createdAt: createdAt.toISOString(),
    birth,
  };
}

function principalOf(tenantId: TenantId, body: JsonObject): StoredPrincipal {
  const { id, kind, name, roles, identity, disabledAt, validAfter, version, createdAt } = body as Record<
    string,
    unknown
  >;
  return {
    tenantId,
    id: principalId(id as string),
    kind: kind as StoredPrincipal['kind'],
    name: name as string,
    roles: roles as readonly string[],
    ...(identity === undefined ? {} : { identity: identity as ExternalIdentity }),
    ...(disabledAt === undefined ? {} : { disabledAt: new Date(disabledAt as string) }),
    ...(validAfter === undefined ? {} : { validAfter: new Date(validAfter as string) }),
    version: version as number,
    createdAt: new Date(createdAt as string),
  };
}
