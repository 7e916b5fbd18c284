import type { OnModuleInit } from '@nestjs/common';
import { type JsonObject, type TenantId, tenantId } from '#kernel';
import { type DocumentRef, type Documents, OPERATOR } from '../documents/documents.js';
import { TENANT_DOCUMENTS } from '../documents/tenant-document.js';
import { writeUntilTaken } from '../documents/write-until-taken.js';
import type { WrappedKey } from '../sealing/key-wrapper.js';
import type { WrappedKeyStores } from './wrapped-key-stores.js';
import { type Rewrapping, type StoredWrapping, WrappedKeys } from './wrapped-keys.js';

const PAGE = 100;
/** How many tenants are read or changed at once. */
const PARALLEL = 8;

/** One document of a tenant that carries wrapped keys. */
export interface WrappedKeyDocument {
  readonly name: string;
  readonly refOf: (tenant: TenantId) => DocumentRef;
  /** The wrapped keys that a body holds, by what tells them apart; an empty name where there is one. */
  readonly wrappedIn: (body: JsonObject) => ReadonlyMap<string, WrappedKey>;
  /** The body with another wrapping of one of them. */
  readonly rewrapped: (body: JsonObject, id: string, key: WrappedKey) => JsonObject;
  /** What a key is bound to besides its tenant, by its name. */
  readonly purposeOf: (id: string) => string;
}

interface Place {
  readonly tenant: TenantId;
  readonly id: string;
}

/** Wrapped keys in documents, one for each tenant. */
export class DocumentsWrappedKeys extends WrappedKeys implements OnModuleInit {
  readonly name: string;

  constructor(
    private readonly documents: Documents,
    private readonly stores: WrappedKeyStores,
    private readonly document: WrappedKeyDocument,
  ) {
    super();
    this.name = document.name;
  }

  onModuleInit(): void {
    this.stores.add(this);
  }

  override async count(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for await (const { keyId } of this.everything()) counts.set(keyId, (counts.get(keyId) ?? 0) + 1);
    return counts;
  }

  override async underOthers(keyId: string, after: string | undefined, limit: number): Promise<StoredWrapping[]> {
    const from = after === undefined ? undefined : (JSON.parse(after) as Place);
    const found: StoredWrapping[] = [];
    for await (const wrapping of this.everything(from)) {
      if (wrapping.keyId !== keyId) found.push(wrapping);
      if (found.length >= limit) break;
    }
    return found;
  }

  override async replace(rewrappings: readonly Rewrapping[]): Promise<number> {
    const byTenant = new Map<TenantId, Rewrapping[]>();
    for (const rewrapping of rewrappings) {
      const { tenant } = placeOf(rewrapping);
      byTenant.set(tenant, [...(byTenant.get(tenant) ?? []), rewrapping]);
    }
    let replaced = 0;
    const tenants = [...byTenant];
    for (let at = 0; at < tenants.length; at += PARALLEL) {
      const some = tenants.slice(at, at + PARALLEL).map(([tenant, own]) => this.replaceIn(tenant, own));
      for (const count of await Promise.all(some)) replaced += count;
    }
    return replaced;
  }

  private async replaceIn(tenant: TenantId, rewrappings: readonly Rewrapping[]): Promise<number> {
    let replaced = 0;
    await writeUntilTaken(this.documents, this.document.refOf(tenant), (body) => {
      replaced = 0;
      let changed = body;
      for (const { before, after } of rewrappings) {
        const { id } = placeOf({ before });
        const present = changed && this.document.wrappedIn(changed).get(id);
        if (!changed || !present?.wrapped.equals(before.wrapped)) continue;
        changed = this.document.rewrapped(changed, id, after);
        replaced += 1;
      }
      return replaced > 0 ? changed : undefined;
    });
    return replaced;
  }

  /** In the order of tenants and names, behind a place. */
  private async *everything(after?: Place): AsyncGenerator<StoredWrapping> {
    for await (const tenants of this.tenants(after?.tenant)) {
      const bodies = await Promise.all(
        tenants.map(async (tenant) => (await this.documents.read(this.document.refOf(tenant)))?.body),
      );
      for (const [n, tenant] of tenants.entries()) {
        const body = bodies[n];
        const keys = body ? [...this.document.wrappedIn(body)].sort(([a], [b]) => (a < b ? -1 : 1)) : [];
        for (const [id, { keyId, wrapped }] of keys) {
          if (tenant === after?.tenant && id <= after.id) continue;
          const ref = { tenantId: tenant, dataKeyId: this.document.purposeOf(id) };
          yield { ref, keyId, wrapped, place: JSON.stringify({ tenant, id } satisfies Place) };
        }
      }
    }
  }

  /** A few at a time; those that are being made or removed, too. */
  private async *tenants(from: TenantId | undefined): AsyncGenerator<readonly TenantId[]> {
    if (from !== undefined) yield [from];
    for (let last = from; ;) {
      const after = last === undefined ? {} : { after: `${TENANT_DOCUMENTS}${last}` };
      const page = await this.documents.range(OPERATOR, { prefix: TENANT_DOCUMENTS, limit: PAGE, ...after });
      const tenants = page.map(({ path }) => tenantId(path.slice(TENANT_DOCUMENTS.length)));
      for (let at = 0; at < tenants.length; at += PARALLEL) yield tenants.slice(at, at + PARALLEL);
      if (page.length < PAGE) return;
      last = tenants.at(-1)!;
    }
  }
}

const placeOf = ({ before }: Pick<Rewrapping, 'before'>): Place => JSON.parse(before.place) as Place;
