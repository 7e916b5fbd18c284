import { Injectable } from '@nestjs/common';
import type { ProofKey } from './proof-key.js';

const MAX_KNOWN = 10_000;
/** RFC 9449, 8.1: visible ASCII without quotes and backslashes. It goes into every proof. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/;

/**
 * The nonces that servers want in the next proof (RFC 9449, 8 and 9): the last one of each server for each key. Known to
 * this process alone: a proof with an old one, or none, is refused once, and the refusal brings the right one.
 */
@Injectable()
export class ProofNonces {
  /** The longest unused first. */
  private readonly known = new Map<string, string>();

  /** @param origin of the authorization server, or of the member */
  find(key: ProofKey, origin: string): string | undefined {
    return this.known.get(placeOf(key, origin));
  }

  /** Passes over what cannot be a nonce. */
  note(key: ProofKey, origin: string, nonce: string): void {
    if (!NONCE.test(nonce)) return;
    const place = placeOf(key, origin);
    this.known.delete(place);
    this.known.set(place, nonce);
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
  }
}

/** No two grants share a key. */
const placeOf = ({ x }: ProofKey, origin: string): string => `${x} ${origin}`;
