import { Injectable } from '@nestjs/common';
import type { TenantId } from '#kernel';
import { type DocumentRef, Documents } from '../documents/documents.js';
import { tenantExists } from '../documents/tenant-document.js';
import { writeUntilTaken } from '../documents/write-until-taken.js';
import { UnknownTenantError } from '../persistence.errors.js';
import { DataKeyStore, type StoredDataKey } from './data-key.store.js';

// Types and no interfaces, which are no JSON objects to the compiler.
type Entry = {
  readonly keyId: string;
  /** base64 */
  readonly wrapped: string;
  readonly createdAt: string;
};

type Keys = {
  readonly active: string;
  readonly keys: Readonly<Record<string, Entry>>;
};

/** All data keys of a tenant in one document, so that which one is active changes with them. A tenant has few. */
@Injectable()
export class DocumentsDataKeyStore extends DataKeyStore {
  constructor(private readonly documents: Documents) {
    super();
  }

  override async readActive(tenant: TenantId): Promise<StoredDataKey | undefined> {
    const keys = await this.keysOf(tenant);
    return keys && stored(keys, keys.active);
  }

  override async read(tenant: TenantId, id: string): Promise<StoredDataKey | undefined> {
    const keys = await this.keysOf(tenant);
    return keys && stored(keys, id);
  }

  override async insert(tenant: TenantId, key: StoredDataKey, replaces?: string): Promise<StoredDataKey> {
    if (!(await tenantExists(this.documents, tenant))) throw new UnknownTenantError();
    const { id, keyId, wrapped, createdAt } = key;
    const entry: Entry = { keyId, wrapped: wrapped.toString('base64'), createdAt: createdAt.toISOString() };
    const body = await writeUntilTaken(this.documents, refOf(tenant), (before) => {
      const present = before as Keys | undefined;
      if (present && present.active !== replaces) return undefined;
      return { active: id, keys: { ...present?.keys, [id]: entry } };
    });
    const keys = body as Keys;
    return stored(keys, keys.active)!;
  }

  private async keysOf(tenant: TenantId): Promise<Keys | undefined> {
    return (await this.documents.read(refOf(tenant)))?.body as Keys | undefined;
  }
}

const refOf = (tenant: TenantId): DocumentRef => ({ partition: tenant, path: 'keys/data' });

function stored({ keys }: Keys, id: string): StoredDataKey | undefined {
  const entry = Object.hasOwn(keys, id) ? keys[id] : undefined;
  if (!entry) return undefined;
  const { keyId, wrapped, createdAt } = entry;
  return { id, keyId, wrapped: Buffer.from(wrapped, 'base64'), createdAt: new Date(createdAt) };
}
