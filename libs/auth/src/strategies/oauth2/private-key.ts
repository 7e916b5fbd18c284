import { type KeyObject, createPrivateKey } from 'node:crypto';
import { isObject } from '#kernel';
import { type CryptoKey, importJWK } from 'jose';

export interface PrivateKeySettings {
  /** PEM (PKCS #8, PKCS #1 or SEC 1) or a JWK as JSON. */
  readonly private_key: string;
  readonly private_key_id?: string | undefined;
  readonly private_key_alg?: string | undefined;
}

export interface SigningKey {
  readonly key: CryptoKey;
  readonly alg: string;
  readonly kid?: string;
}

interface ReadKey {
  readonly key: KeyObject;
  readonly alg: string;
  readonly kid?: string;
  readonly problem?: undefined;
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
const MIN_RSA_BITS = 2048;

/** The key and the algorithm that it signs with, or what is wrong with it; never a part of it. */
export function readPrivateKey(text: string, wanted?: string): ReadKey | { readonly problem: string } {
  const jwk = jwkOf(text);
  const key = keyOf(text, jwk);
  if (!key) return { problem: 'is no private key: PEM without a passphrase, or a JWK' };
  const own = algorithmOf(key);
  if (own === undefined) return { problem: 'is no RSA key of 2048 bits or more, no P-256, P-384 or P-521, no Ed25519' };
  const alg = wanted ?? (typeof jwk?.['alg'] === 'string' ? jwk['alg'] : own);
  if (!fits(alg, own)) return { problem: `does not sign with ${alg.slice(0, 16)}` };
  return { key, alg, ...(typeof jwk?.['kid'] === 'string' ? { kid: jwk['kid'] } : {}) };
}

/** Rejects if the settings were never checked. */
export async function signingKeyOf(settings: PrivateKeySettings): Promise<SigningKey> {
  const read = readPrivateKey(settings.private_key, settings.private_key_alg);
  if (read.problem !== undefined) throw new Error(`the private key ${read.problem}`);
  const key = (await importJWK(read.key.export({ format: 'jwk' }), read.alg)) as CryptoKey;
  const kid = settings.private_key_id ?? read.kid;
  return { key, alg: read.alg, ...(kid === undefined ? {} : { kid }) };
}

function keyOf(text: string, jwk: Record<string, unknown> | undefined): KeyObject | undefined {
  try {
    return jwk ? createPrivateKey({ key: jwk, format: 'jwk' }) : createPrivateKey(text);
  } catch {
    return undefined;
  }
}

function jwkOf(text: string): Record<string, unknown> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (asymmetricKeyType === 'rsa') return (details?.modulusLength ?? 0) >= MIN_RSA_BITS ? 'RS256' : undefined;
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  return asymmetricKeyType === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined;
}

function fits(alg: string, own: string): boolean {
  return own === 'RS256' ? /^[RP]S(256|384|512)$/.test(alg) : alg === own;
}
