import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { JsonObject, MemberRef, PrincipalId, TenantId } from '#kernel';
import { HandleSealer, Sealer } from '#persistence';
import { Injectable } from '@nestjs/common';
import { TooManyConsentsError } from '../token-store.errors.js';
import { PendingConsentStore } from './pending-consent.store.js';

/** What must be known again when the browser comes back from the issuer. */
export interface PendingConsent extends MemberRef {
  readonly principalId: PrincipalId;
  /** SHA-256 of the secret that the browser holds in a cookie, in base64url. */
  readonly browser: string;
  /** The rest: PKCE verifier, issuer, redirect address. Sealed at rest. */
  readonly payload: JsonObject;
}

interface Handle {
  readonly tenantId: TenantId;
  readonly secret: string;
}

const BOUNDS = { seconds: 600, ofPrincipal: 20, ofTenant: 1_000 };
const PURPOSE = 'consent-state';
const TABLE = 'pending_consents';

/**
 * One-time states of consents (RFC 6749, 10.12). A `state` is a sealed handle that names the tenant and carries 256
 * random bits, of which only a hash is stored. It is good once, for ten minutes, in any process, for the browser that
 * began.
 */
@Injectable()
export class PendingConsents {
  constructor(
    private readonly store: PendingConsentStore,
    private readonly sealer: Sealer,
    private readonly handles: HandleSealer,
  ) {}

  /**
   * @returns the `state` to send along
   * @throws TooManyConsentsError
   */
  async begin(pending: PendingConsent): Promise<string> {
    const { tenantId, principalId } = pending;
    const handle: Handle = { tenantId, secret: randomBytes(32).toString('base64url') };
    const id = digest(handle.secret);
    const payload = await this.sealer.seal(placeOf(tenantId, id), JSON.stringify(pending));
    if (!(await this.store.put({ tenantId, id, principalId, payload }, BOUNDS))) throw new TooManyConsentsError();
    return this.handles.seal(PURPOSE, JSON.stringify(handle));
  }

  /**
   * Gives what was kept, to the browser that began. Whoever asks, it is gone afterwards.
   *
   * @param browser SHA-256 of what the asking browser holds, in base64url
   */
  async take(state: string, browser: string): Promise<PendingConsent | undefined> {
    const text = this.handles.open(PURPOSE, state);
    if (text === undefined) return undefined;
    const { tenantId, secret } = JSON.parse(text) as Handle;
    const id = digest(secret);
    const stored = await this.store.take({ tenantId, id });
    if (!stored) return undefined;
    const pending = JSON.parse(await this.sealer.open(placeOf(tenantId, id), stored.payload)) as PendingConsent;
    return isSame(pending.browser, browser) ? pending : undefined;
  }
}

const digest = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

const placeOf = (tenantId: TenantId, id: string) => ({
  tenantId,
  table: TABLE,
  row: id,
  field: 'payload',
  generation: 1,
});

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
