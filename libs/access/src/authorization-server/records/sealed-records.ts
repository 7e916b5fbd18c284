import { createHash } from 'node:crypto';
import type { AuditEvent } from '#audit';
import { Clock, type TenantId } from '#kernel';
import { Sealer } from '#persistence';
import { Injectable } from '@nestjs/common';
import { type AuthorizationRecord, AuthorizationRecordStore, type RecordRef } from './authorization-record.store.js';

/** A record by the name that a client or a browser knows it by. */
export interface RecordName {
  readonly tenantId: TenantId;
  readonly kind: string;
  /** Never stored: only its hash is. */
  readonly name: string;
}

export interface RecordContent {
  readonly payload: object;
  /** How long it lives; for ever unless given. */
  readonly seconds?: number | undefined;
  /** The grant that it ends with. */
  readonly grantId?: string | undefined;
  readonly uid?: string | undefined;
}

export type OpenedRecord<T> = T & { readonly consumed?: number };

const TABLE = 'authorization_records';

/** The rules over the store of records: names become hashes, payloads are sealed to their place. */
@Injectable()
export class SealedRecords {
  /** Revocations under way: oidc-provider asks for the same one once per kind. */
  private readonly revoking = new Map<string, Promise<boolean>>();

  constructor(
    private readonly store: AuthorizationRecordStore,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
  ) {}

  async write(name: RecordName, content: RecordContent, events: readonly AuditEvent[] = []): Promise<void> {
    await this.store.upsert(await this.sealed(name, content), ...events);
  }

  /** Writes it unless there is one, and gives what is there now. */
  async claim<T extends object>(name: RecordName, content: RecordContent): Promise<OpenedRecord<T>> {
    return this.opened<T>(await this.store.insert(await this.sealed(name, content)));
  }

  async find<T extends object>(name: RecordName): Promise<OpenedRecord<T> | undefined> {
    const record = await this.store.find(refOf(name));
    return record && this.opened<T>(record);
  }

  async findByUid<T extends object>({ tenantId, kind, name }: RecordName): Promise<OpenedRecord<T> | undefined> {
    const record = await this.store.findByUid(tenantId, kind, hashOf(name));
    return record && this.opened<T>(record);
  }

  async list<T extends object>(
    { tenantId, kind }: Omit<RecordName, 'name'>,
    limit: number,
  ): Promise<readonly OpenedRecord<T>[]> {
    const records = await this.store.list(tenantId, kind, limit);
    return Promise.all(records.map((record) => this.opened<T>(record)));
  }

  async take<T extends object>(name: RecordName): Promise<OpenedRecord<T> | undefined> {
    const record = await this.store.take(refOf(name));
    return record && this.opened<T>(record);
  }

  async consume(name: RecordName, events: readonly AuditEvent[] = []): Promise<boolean> {
    return this.store.consume(refOf(name), ...events);
  }

  async extend(name: RecordName, seconds: number): Promise<void> {
    await this.store.extend(refOf(name), this.in(seconds));
  }

  async destroy(name: RecordName, events: readonly AuditEvent[] = []): Promise<boolean> {
    return this.store.destroy(refOf(name), ...events);
  }

  /** Ends a grant with everything that hangs on it. False if there was nothing left of it. */
  async revoke(tenant: TenantId, grantId: string, events: readonly AuditEvent[] = []): Promise<boolean> {
    const key = `${tenant} ${grantId}`;
    let revoking = this.revoking.get(key);
    if (!revoking) {
      revoking = this.store.revokeByGrantId(tenant, hashOf(grantId), ...events).then((gone) => gone > 0);
      this.revoking.set(key, revoking);
      const forget = (): void => void this.revoking.delete(key);
      revoking.then(forget, forget);
    }
    return revoking;
  }

  private async sealed(name: RecordName, { payload, seconds, grantId, uid }: RecordContent) {
    const ref = refOf(name);
    const generation = this.clock.now();
    return {
      ...ref,
      generation,
      payload: await this.sealer.seal(placeOf(ref, generation), JSON.stringify(payload)),
      ...(grantId === undefined ? {} : { grantId: hashOf(grantId) }),
      ...(uid === undefined ? {} : { uid: hashOf(uid) }),
      ...(seconds === undefined ? {} : { expiresAt: this.in(seconds) }),
    };
  }

  private async opened<T extends object>(record: AuthorizationRecord): Promise<OpenedRecord<T>> {
    const text = await this.sealer.open(placeOf(record, record.generation), record.payload);
    const { consumedAt } = record;
    return {
      ...(JSON.parse(text) as T),
      ...(consumedAt ? { consumed: Math.floor(consumedAt.getTime() / 1000) } : {}),
    };
  }

  private in(seconds: number): Date {
    return new Date(this.clock.now() + seconds * 1000);
  }
}

const hashOf = (name: string): string => createHash('sha256').update(name).digest('base64url');

const refOf = ({ tenantId, kind, name }: RecordName): RecordRef => ({ tenantId, kind, id: hashOf(name) });

function placeOf({ tenantId, kind, id }: RecordRef, generation: number) {
  return { tenantId, table: TABLE, row: `${kind}/${id}`, field: 'payload', generation };
}
