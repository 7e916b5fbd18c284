import { Injectable } from '@nestjs/common';
import { Clock, type JsonObject } from '#kernel';
import { DocumentReplicas } from '../changes/document-replicas.js';
import { Documents } from '../documents/documents.js';
import { writeUntilTaken } from '../documents/write-until-taken.js';
import { KEY_RECORDS, type KeyRecord, type KeyRecords, recordOf } from '../sealing/key-records.js';
import { type KeyHolder, KeyLedger } from './key-ledger.js';

/** In the document of the keys that have ever sealed, and in those of the replicas. Leases go by the clocks of processes. */
@Injectable()
export class DocumentsKeyLedger extends KeyLedger {
  private readonly replicas: DocumentReplicas;

  constructor(
    private readonly documents: Documents,
    private readonly clock: Clock,
  ) {
    super();
    this.replicas = new DocumentReplicas(documents, clock);
  }

  override holders(): Promise<readonly KeyHolder[]> {
    return this.replicas.holders();
  }

  override async lease(keyId: string, holder: string, ms: number): Promise<string | undefined> {
    const now = this.clock.now();
    const body = await this.change(keyId, (record) => {
      const { rewrappedBy: by, rewrappedUntil: until = 0 } = record;
      if (by !== undefined && by !== holder && until >= now) return undefined;
      return { ...record, rewrappedBy: holder, rewrappedUntil: now + ms };
    });
    const by = recordOf(body, keyId)?.rewrappedBy ?? 'another process';
    return by === holder ? undefined : by;
  }

  override async release(keyId: string, holder: string): Promise<void> {
    await this.change(keyId, ({ rewrappedBy, rewrappedUntil: _, ...record }) =>
      rewrappedBy === holder ? record : undefined,
    );
  }

  override async drop(keyId: string): Promise<void> {
    await this.change(keyId, (record) => ({ ...record, isDropped: true }));
  }

  override async reinstate(keyId: string): Promise<void> {
    await this.change(keyId, ({ isDropped: _, ...record }) => record);
  }

  private change(keyId: string, change: (record: KeyRecord) => KeyRecord | undefined): Promise<JsonObject | undefined> {
    return writeUntilTaken(this.documents, KEY_RECORDS, (body) => {
      const record = recordOf(body, keyId);
      const changed = record && change(record);
      return changed && { ...(body as KeyRecords), [keyId]: changed };
    });
  }
}
