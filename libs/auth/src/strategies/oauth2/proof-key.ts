import { type webcrypto, generateKeyPairSync, subtle } from 'node:crypto';
import { isObject } from '#kernel';
import type { TokenSet } from '#token-store';

/**
 * The key that one grant is bound to (RFC 9449), as it is kept, sealed, with the tokens: a point of P-256. `private_key` is
 * masked under this name wherever text leaves. A type, so that it is JSON.
 */
export type ProofKey = {
  readonly x: string;
  readonly y: string;
  readonly private_key: string;
};

/** The only algorithm that is used: every server that knows proofs knows it. */
export const PROOF_ALGORITHM = 'ES256';

export function newProofKey(): ProofKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '', d = '' } = privateKey.export({ format: 'jwk' });
  return { x, y, private_key: d };
}

/** The public half (RFC 7517). */
export const publicJwkOf = ({ x, y }: ProofKey) => ({ kty: 'EC', crv: 'P-256', x, y }) as const;

export const privateJwkOf = (key: ProofKey) => ({ ...publicJwkOf(key), d: key.private_key });

/** As libraries take it. */
export async function keyPairOf(key: ProofKey): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const [privateKey, publicKey] = await Promise.all([
    subtle.importKey('jwk', privateJwkOf(key), algorithm, false, ['sign']),
    subtle.importKey('jwk', publicJwkOf(key), algorithm, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

/** What is kept with tokens that were had with a proof. */
export const boundTo = (key: ProofKey, isBound: boolean) => ({ proof_key: key, is_bound: isBound });

/** The key that a proof was made with when these tokens were had: their refresh token may be bound to it. */
export function proofKeyOf({ more }: Pick<TokenSet, 'more'>): ProofKey | undefined {
  const key = more?.['proof_key'];
  return isObject(key) && typeof key['private_key'] === 'string' ? (key as ProofKey) : undefined;
}

/** The key without which the access token is worth nothing; undefined for one that whoever has it may use. */
export function boundKeyOf(tokens: Pick<TokenSet, 'more'>): ProofKey | undefined {
  return tokens.more?.['is_bound'] === true ? proofKeyOf(tokens) : undefined;
}
