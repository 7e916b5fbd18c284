import { type KeyObject, createPrivateKey, hash, randomUUID, sign } from 'node:crypto';
import { Clock } from '#kernel';
import type { TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import type { PatchedRequest, RequestPatch } from '../../auth-strategy.js';
import { PROOF_ALGORITHM, type ProofKey, boundKeyOf, privateJwkOf, publicJwkOf } from './proof-key.js';
import { ProofNonces } from './proof-nonces.js';

interface Signer {
  readonly key: ProofKey;
  readonly privateKey: KeyObject;
  /** As it stands in the proof. */
  readonly header: string;
  /** Of the access token. */
  readonly ath: string;
  readonly origin: string;
}

/**
 * Puts access tokens on requests to members. One that is bound to a key goes with a proof of its own on every request
 * (RFC 9449, 7.1), signed on the way of the call: 0.1 ms each. Libraries sign behind a promise, and that way has none.
 */
@Injectable()
export class BoundRequests {
  constructor(
    private readonly nonces: ProofNonces,
    private readonly clock: Clock,
  ) {}

  /** @param scheme before a token that is bound to nothing */
  patchOf(
    tokens: TokenSet,
    { origin, scheme }: { readonly origin: string; readonly scheme: string },
  ): Pick<RequestPatch, 'headers' | 'forRequest' | 'onNonce'> {
    const { accessToken } = tokens;
    const key = boundKeyOf(tokens);
    if (!key) return { headers: { authorization: `${scheme} ${accessToken}` } };
    const signer = {
      key,
      privateKey: createPrivateKey({ key: privateJwkOf(key), format: 'jwk' }),
      header: encoded({ typ: 'dpop+jwt', alg: PROOF_ALGORITHM, jwk: publicJwkOf(key) }),
      ath: hash('sha256', accessToken, 'base64url'),
      origin,
    };
    const authorization = `DPoP ${accessToken}`;
    return {
      forRequest: (request) => ({ headers: { authorization, dpop: this.proof(signer, request) } }),
      onNonce: (nonce) => this.nonces.note(key, origin, nonce),
    };
  }

  /** RFC 9449, 4.2. */
  private proof({ key, privateKey, header, ath, origin }: Signer, { method, path }: PatchedRequest): string {
    const nonce = this.nonces.find(key, origin);
    const payload = encoded({
      jti: randomUUID(),
      htm: method,
      htu: origin + path.split('?', 1)[0]!,
      iat: Math.floor(this.clock.now() / 1_000),
      ath,
      ...(nonce === undefined ? {} : { nonce }),
    });
    const signed = `${header}.${payload}`;
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
