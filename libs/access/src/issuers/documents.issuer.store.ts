import { type AuditEvent, ClaimTakenError, RecordedDocuments } from '#audit';
import { Clock, type JsonObject, type TenantId, tenantId } from '#kernel';
import { DocumentConflictError, type DocumentRef, OPERATOR } from '#persistence';
import { Injectable } from '@nestjs/common';
import { afterOthers } from '../after-others.js';
import { hashOf, pathOf } from '../document-paths.js';
import {
  ISSUERS_AT_MOST,
  type IssuerDraft,
  type IssuerSettings,
  IssuerStore,
  type StoredIssuer,
} from './issuer.store.js';
import { DuplicateIssuerError, IssuerConflictError, TooManyIssuersError } from './issuers.errors.js';

const KIND = 'issuer';
const TOPIC = 'access';

/**
 * Issuers as documents of their tenant. The address of an issuer is a claim of it twice: in its tenant, where it is there
 * once, and among those of all tenants, by which it is found before a tenant is known. Two that are made at the same
 * time may pass the limit together.
 */
@Injectable()
export class DocumentsIssuerStore extends IssuerStore {
  constructor(
    private readonly documents: RecordedDocuments,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async list(tenant: TenantId): Promise<readonly StoredIssuer[]> {
    const issuers = await this.documents.range(tenant, { prefix: `${KIND}/` });
    return issuers.map(({ body }) => issuerOf(tenant, body));
  }

  override async find(tenant: TenantId, id: string): Promise<StoredIssuer | undefined> {
    const found = await this.documents.read(refOf(tenant, id));
    return found && issuerOf(tenant, found.body);
  }

  override async findEverywhere(issuer: string): Promise<readonly StoredIssuer[]> {
    const found = await this.documents.rangeClaimed(OPERATOR, `issuer-of/${hashOf(issuer)}/`);
    return found
      .map(({ partition, body }) => issuerOf(tenantId(partition), body))
      .filter(({ settings }) => settings.issuer === issuer)
      .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.tenantId < b.tenantId ? -1 : 1));
  }

  override async write(draft: IssuerDraft, event: AuditEvent): Promise<StoredIssuer> {
    const { tenantId: tenant, id, settings, version } = draft;
    const ref = refOf(tenant, id);
    const known = await this.documents.read(ref);
    const before = known && issuerOf(tenant, known.body);
    if ((before?.version ?? 0) !== version - 1) throw new IssuerConflictError(id);
    if (!before && (await this.list(tenant)).length >= ISSUERS_AT_MOST) throw new TooManyIssuersError(ISSUERS_AT_MOST);
    const body = bodyOf({ ...draft, createdAt: before?.createdAt ?? new Date(this.clock.now()) });
    const isMoved = before?.settings.issuer !== settings.issuer;
    const claims = isMoved ? addressesOf(tenant, settings.issuer).map((address) => ({ ref: address })) : [];
    const releases = isMoved && before ? addressesOf(tenant, before.settings.issuer) : [];
    try {
      await this.documents.write(ref, { body, rev: known?.rev }, { event, topic: TOPIC, claims, releases });
    } catch (error) {
      if (error instanceof ClaimTakenError) throw new DuplicateIssuerError();
      throw error instanceof DocumentConflictError ? new IssuerConflictError(id) : error;
    }
    return issuerOf(tenant, body);
  }

  override async remove(tenant: TenantId, id: string, event: AuditEvent): Promise<boolean> {
    return afterOthers(async () => {
      const known = await this.documents.read(refOf(tenant, id));
      if (!known) return false;
      const releases = addressesOf(tenant, issuerOf(tenant, known.body).settings.issuer);
      await this.documents.remove(refOf(tenant, id), known.rev, { event, topic: TOPIC, releases });
      return true;
    });
  }
}

const refOf = (tenant: TenantId, id: string): DocumentRef => ({ partition: tenant, path: pathOf(KIND, id) });

function addressesOf(tenant: TenantId, issuer: string): readonly DocumentRef[] {
  const hash = hashOf(issuer);
  return [
    { partition: tenant, path: `issuer-address/${hash}` },
    { partition: OPERATOR, path: `issuer-of/${hash}/${tenant}` },
  ];
}

function bodyOf({ id, settings, sealedSecret, disabledAt, version, createdAt }: StoredIssuer): JsonObject {
  return {
    id,
    settings: settings as unknown as JsonObject,
    ...(sealedSecret === undefined ? {} : { sealedSecret }),
    ...(disabledAt ? { disabledAt: disabledAt.toISOString() } : {}),
    version,
    createdAt: createdAt.toISOString(),
  };
}

function issuerOf(tenant: TenantId, body: JsonObject): StoredIssuer {
  const { id, settings, sealedSecret, disabledAt, version, createdAt } = body as Record<string, unknown>;
  return {
    tenantId: tenant,
    id: id as string,
    settings: settings as IssuerSettings,
    ...(sealedSecret === undefined ? {} : { sealedSecret: sealedSecret as string }),
    ...(disabledAt === undefined ? {} : { disabledAt: new Date(disabledAt as string) }),
    version: version as number,
    createdAt: new Date(createdAt as string),
  };
}
