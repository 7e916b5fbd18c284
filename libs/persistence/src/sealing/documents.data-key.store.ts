import { Injectable } from '@nestjs/common';
import type { JsonObject, TenantId } from '#kernel';
import { type DocumentRef, Documents } from '../documents/documents.js';
import { tenantExists } from '../documents/tenant-document.js';
import { writeUntilTaken } from '../documents/write-until-taken.js';
import { UnknownTenantError } from '../persistence.errors.js';
import { DataKeyStore, type StoredDataKey } from './data-key.store.js';
import { refuseDropped } from './key-records.js';
import type { WrappedKey } from './key-wrapper.js';

// Types and no interfaces, which are no JSON objects to the compiler.
type Entry = {
  readonly keyId: string;
  /** base64 */
  readonly wrapped: string;
  readonly createdAt: string;
};

type Keys = {
  /** Absent: none seals at the moment. */
  readonly active?: string;
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
    return keys?.active === undefined ? undefined : stored(keys, keys.active);
  }

  override async read(tenant: TenantId, id: string): Promise<StoredDataKey | undefined> {
    const keys = await this.keysOf(tenant);
    return keys && stored(keys, id);
  }

  override async insert(tenant: TenantId, key: StoredDataKey, replaces?: string): Promise<StoredDataKey> {
    const { id } = key;
    const entry = await this.entryOf(tenant, key);
    const body = await writeUntilTaken(this.documents, dataKeysRef(tenant), (before) => {
      const present = before as Keys | undefined;
      if (present?.active !== undefined && present.active !== replaces) return undefined;
      return { active: id, keys: { ...present?.keys, [id]: entry } };
    });
    const keys = body as Keys;
    if (keys.active === id) await this.confirm(tenant, key, replaces);
    return stored(keys, keys.active!)!;
  }

  override async keep(tenant: TenantId, key: StoredDataKey): Promise<StoredDataKey> {
    const { id, keyId } = key;
    const entry = await this.entryOf(tenant, key);
    let isOurs = false;
    const body = await writeUntilTaken(this.documents, dataKeysRef(tenant), (before) => {
      const { keys, ...rest } = (before as Keys | undefined) ?? { keys: {} };
      isOurs = !Object.hasOwn(keys, id);
      return isOurs ? { ...rest, keys: { ...keys, [id]: entry } } : undefined;
    });
    if (isOurs) await this.refuseAfterwards(tenant, id, keyId);
    return stored(body as Keys, id)!;
  }

  /** @throws KeyDroppedError, UnknownTenantError */
  private async entryOf(tenant: TenantId, { keyId, wrapped, createdAt }: StoredDataKey): Promise<Entry> {
    await refuseDropped(this.documents, keyId);
    if (!(await tenantExists(this.documents, tenant))) throw new UnknownTenantError();
    return { keyId, wrapped: wrapped.toString('base64'), createdAt: createdAt.toISOString() };
  }

  private async refuseAfterwards(tenant: TenantId, id: string, keyId: string): Promise<void> {
    try {
      await refuseDropped(this.documents, keyId);
    } catch (error) {
      await writeUntilTaken(this.documents, dataKeysRef(tenant), (body) => {
        const { keys, ...rest } = body as Keys;
        const { [id]: _, ...others } = keys;
        return { ...rest, keys: others };
      });
      throw error;
    }
  }

  /** Nobody has the key yet: it may be taken back. */
  private async confirm(tenant: TenantId, { id, keyId }: StoredDataKey, replaces: string | undefined): Promise<void> {
    try {
      await refuseDropped(this.documents, keyId);
    } catch (error) {
      await writeUntilTaken(this.documents, dataKeysRef(tenant), (body) => {
        const { active, keys } = body as Keys;
        const { [id]: _, ...others } = keys;
        if (active !== id) return undefined;
        return {
          ...(replaces !== undefined && Object.hasOwn(others, replaces) ? { active: replaces } : {}),
          keys: others,
        };
      });
      throw error;
    }
  }

  private async keysOf(tenant: TenantId): Promise<Keys | undefined> {
    return (await this.documents.read(dataKeysRef(tenant)))?.body as Keys | undefined;
  }
}

export const dataKeysRef = (tenant: TenantId): DocumentRef => ({ partition: tenant, path: 'keys/data' });

/** The wrapped keys that the document holds, by id. */
export function dataKeysIn(body: JsonObject): ReadonlyMap<string, WrappedKey> {
  const entries = Object.entries((body as Keys).keys);
  return new Map(entries.map(([id, { keyId, wrapped }]) => [id, { keyId, wrapped: Buffer.from(wrapped, 'base64') }]));
}

/** The document with another wrapping of one of its keys. */
export function withDataKey(body: JsonObject, id: string, { keyId, wrapped }: WrappedKey): JsonObject {
  const { keys, ...rest } = body as Keys;
  return { ...rest, keys: { ...keys, [id]: { ...keys[id]!, keyId, wrapped: wrapped.toString('base64') } } };
}

function stored({ keys }: Keys, id: string): StoredDataKey | undefined {
  const entry = Object.hasOwn(keys, id) ? keys[id] : undefined;
  if (!entry) return undefined;
  const { keyId, wrapped, createdAt } = entry;
  return { id, keyId, wrapped: Buffer.from(wrapped, 'base64'), createdAt: new Date(createdAt) };
}
