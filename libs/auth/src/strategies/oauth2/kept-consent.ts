import { isObject, type JsonObject } from '#kernel';
import { ConsentRefusedError } from '../../auth.errors.js';
import type { AskedIssuer } from './authorization-answer.js';
import { type IssuerContact, contactFrom } from './issuer-contact.js';

/** What a consent needs to end: all of it decided before the browser left, nothing found out afterwards. */
export interface KeptConsent extends AskedIssuer {
  readonly contact: IssuerContact;
  /** The settings name the client. */
  readonly isTold: boolean;
  readonly redirectUri: string;
  readonly verifier: string;
  readonly scope: string | null;
  readonly resource: string | null;
  /** The tokens are to be bound to a key. */
  readonly takesProofs: boolean;
  /** Of the settings that it was begun with. */
  readonly fingerprint: string;
  readonly principal: string | null;
}

/** @throws ConsentRefusedError if this process, or the one that wrote it, is of another version */
export function keptConsent(kept: JsonObject): KeptConsent {
  const { contact, verifier, redirectUri } = kept;
  if (isObject(kept) && contactFrom(contact) && typeof verifier === 'string' && typeof redirectUri === 'string') {
    return kept as unknown as KeptConsent;
  }
  throw new ConsentRefusedError('what was kept of it cannot be read: begin again');
}
