import { Injectable } from '@nestjs/common';
import { Documents } from '../documents/documents.js';
import { writeUntilTaken } from '../documents/write-until-taken.js';
import { KEY_RECORDS, type KeyRecords, recordOf } from './key-records.js';
import { KeyCheckStore, type StoredKeyCheck } from './key-check.store.js';

@Injectable()
export class DocumentsKeyCheckStore extends KeyCheckStore {
  constructor(private readonly documents: Documents) {
    super();
  }

  override async list(): Promise<readonly StoredKeyCheck[]> {
    const stored = await this.documents.read(KEY_RECORDS);
    return Object.entries((stored?.body ?? {}) as KeyRecords)
      .filter(([, { isDropped }]) => !isDropped)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([keyId, { sealed }]) => ({ keyId, sealed }));
  }

  override async admit({ keyId, sealed }: StoredKeyCheck): Promise<void> {
    await writeUntilTaken(this.documents, KEY_RECORDS, (body = {}) => {
      const known = recordOf(body, keyId);
      if (known && !known.isDropped) return undefined;
      return { ...body, [keyId]: { sealed: known?.sealed ?? sealed } };
    });
  }
}
