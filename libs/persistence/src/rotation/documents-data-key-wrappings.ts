import { Injectable } from '@nestjs/common';
import { Documents } from '../documents/documents.js';
import { dataKeysIn, dataKeysRef, withDataKey } from '../sealing/documents.data-key.store.js';
import { DocumentsWrappedKeys } from './documents.wrapped-keys.js';
import { WrappedKeyStores } from './wrapped-key-stores.js';

/** The data keys of tenants on documents, those that seal and those that only open. */
@Injectable()
export class DocumentsDataKeyWrappings extends DocumentsWrappedKeys {
  constructor(documents: Documents, stores: WrappedKeyStores) {
    super(documents, stores, {
      name: 'data_keys',
      refOf: dataKeysRef,
      wrappedIn: dataKeysIn,
      rewrapped: withDataKey,
      purposeOf: (id) => id,
    });
  }
}
