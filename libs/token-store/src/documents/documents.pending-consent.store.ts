import { Clock, type PrincipalId, type TenantId } from '#kernel';
import { DocumentConflictError, Documents, type StoredDocument } from '#persistence';
import { Injectable } from '@nestjs/common';
import { type ConsentBounds, PendingConsentStore, type StoredConsent } from '../consents/pending-consent.store.js';

interface ConsentDocument extends StoredDocument {
  readonly body: {
    readonly principal: PrincipalId;
    readonly payload: string;
    /** When it began; told apart from the one before of the same principal. */
    readonly at: number;
    readonly until: number;
  };
}

const PREFIX = 'pending-consents/';
/** After so long lists show what was put, on every node. */
const SHOWN_MS = 60_000;

/**
 * Consents in a database of documents, one each. Times are those of this process's clock. Expired ones are removed when
 * their tenant begins another one, and by the sweep of the process that has seen them.
 */
@Injectable()
export class DocumentsPendingConsentStore extends PendingConsentStore {
  /** Tenants that may have something to sweep, and when the last consent of each was put. */
  private readonly seen = new Map<TenantId, number>();

  constructor(
    private readonly documents: Documents,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async put(consent: StoredConsent, bounds: ConsentBounds): Promise<boolean> {
    const { tenantId: tenant, id, principalId: principal, payload } = consent;
    this.seen.set(tenant, this.clock.now());
    const kept = await this.all(tenant, bounds.ofTenant + 1);
    const expired = kept.filter((document) => !this.isAlive(document));
    const alive = kept.filter((document) => this.isAlive(document));
    const own = alive.filter(({ body }) => body.principal === principal).sort((a, b) => a.body.at - b.body.at);
    const tooMany = own.slice(0, Math.max(0, own.length - bounds.ofPrincipal + 1));
    for (const document of [...expired, ...tooMany]) await this.remove(tenant, document);
    if (alive.length - tooMany.length >= bounds.ofTenant) return false;
    const now = this.clock.now();
    const body = {
      principal,
      payload,
      at: Math.max(now, 1 + (own.at(-1)?.body.at ?? 0)),
      until: now + bounds.seconds * 1000,
    };
    await this.documents.write({ partition: tenant, path: PREFIX + id }, body);
    return true;
  }

  override async take({ tenantId: tenant, id }: Pick<StoredConsent, 'tenantId' | 'id'>) {
    const document = (await this.documents.read({ partition: tenant, path: PREFIX + id })) as
      ConsentDocument | undefined;
    if (!document || !this.isAlive(document)) return undefined;
    // To remove what is gone already is no conflict, so the one who takes it is the one who marks it first.
    const rev = await this.mark(tenant, document);
    if (rev === undefined) return undefined;
    await this.remove(tenant, { ...document, rev });
    const { principal, payload } = document.body;
    return { tenantId: tenant, id, principalId: principal, payload };
  }

  override async sweep(limit: number): Promise<number> {
    let gone = 0;
    for (const [tenant, putAt] of [...this.seen]) {
      const kept = await this.all(tenant, 1_000);
      const expired = kept.filter((document) => !this.isAlive(document)).slice(0, limit);
      for (const document of expired) await this.remove(tenant, document);
      gone += expired.length;
      const isShown = this.clock.now() - putAt > SHOWN_MS;
      if (isShown && kept.length === expired.length) this.seen.delete(tenant);
    }
    return gone;
  }

  private all(tenant: TenantId, limit: number): Promise<readonly ConsentDocument[]> {
    return this.documents.range(tenant, { prefix: PREFIX, limit }) as Promise<readonly ConsentDocument[]>;
  }

  private async mark(tenant: TenantId, { path, rev }: ConsentDocument): Promise<string | undefined> {
    try {
      return await this.documents.write({ partition: tenant, path }, { until: 0 }, rev);
    } catch (error) {
      if (error instanceof DocumentConflictError) return undefined;
      throw error;
    }
  }

  private async remove(tenant: TenantId, { path, rev }: ConsentDocument): Promise<void> {
    await this.documents.remove({ partition: tenant, path }, rev).catch((error: unknown) => {
      if (!(error instanceof DocumentConflictError)) throw error; // somebody else sees to it
    });
  }

  private isAlive({ body }: ConsentDocument): boolean {
    return body.until > this.clock.now();
  }
}
