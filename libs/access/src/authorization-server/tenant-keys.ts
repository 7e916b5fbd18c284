import { randomBytes } from 'node:crypto';
import { Clock, type TenantId } from '#kernel';
import { Injectable } from '@nestjs/common';
import { type JWK, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { SealedRecords } from './records/sealed-records.js';

export interface KeySet {
  /** Private keys; the first one signs. */
  readonly signing: readonly JWK[];
  /** The first one signs cookies. */
  readonly cookies: readonly string[];
}

export const SIGNING_ALGORITHM = 'ES256';

const FRESH_MS = 300_000;
const MAX_OPENED = 1_000;
const PLACE = { kind: 'Keys', name: 'keys' } as const;
/** What a public EC key consists of (RFC 7518, 6.2.1), and how it is named. */
const PUBLIC_PARTS = ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use'] as const;

/** The keys of each tenant's issuer, made on first use. Of two processes that make them at once, one wins. */
@Injectable()
export class TenantKeys {
  /** Oldest first. */
  private readonly opened = new Map<TenantId, { readonly keys: Promise<KeySet>; readonly until: number }>();

  constructor(
    private readonly records: SealedRecords,
    private readonly clock: Clock,
  ) {}

  async get(tenantId: TenantId): Promise<KeySet> {
    const now = this.clock.now();
    const known = this.opened.get(tenantId);
    if (known && known.until > now) return known.keys;
    const keys = this.read(tenantId);
    this.opened.delete(tenantId);
    this.opened.set(tenantId, { keys, until: now + FRESH_MS });
    if (this.opened.size > MAX_OPENED) this.opened.delete(this.opened.keys().next().value!);
    keys.catch(() => this.opened.delete(tenantId));
    return keys;
  }

  /** What the issuer publishes (RFC 7517). */
  async published(tenantId: TenantId): Promise<{ readonly keys: JWK[] }> {
    const { signing } = await this.get(tenantId);
    return { keys: signing.map((key) => Object.fromEntries(PUBLIC_PARTS.map((part) => [part, key[part]])) as JWK) };
  }

  private async read(tenantId: TenantId): Promise<KeySet> {
    const place = { ...PLACE, tenantId };
    return (await this.records.find<KeySet>(place)) ?? this.records.claim<KeySet>(place, { payload: await fresh() });
  }
}

async function fresh(): Promise<KeySet> {
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const key = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(key);
  return {
    signing: [{ ...key, kid, alg: SIGNING_ALGORITHM, use: 'sig' }],
    cookies: [randomBytes(32).toString('base64url')],
  };
}
