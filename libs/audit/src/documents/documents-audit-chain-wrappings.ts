import { Documents, DocumentsWrappedKeys, WrappedKeyStores } from '#persistence';
import { Injectable } from '@nestjs/common';
import { CHAIN_KEY } from '../audit-hash.js';
import { headBody, headOf, headRef } from './chain-documents.js';

/** The keys of the trails' chains on documents, for the rotation of the key ring. */
@Injectable()
export class DocumentsAuditChainWrappings extends DocumentsWrappedKeys {
  constructor(documents: Documents, stores: WrappedKeyStores) {
    super(documents, stores, {
      name: 'audit_chains',
      refOf: headRef,
      wrappedIn: (body) => new Map([['', headOf({ body }).key]]),
      rewrapped: (body, _id, key) => headBody({ ...headOf({ body }), key }),
      purposeOf: () => CHAIN_KEY,
    });
  }
}
