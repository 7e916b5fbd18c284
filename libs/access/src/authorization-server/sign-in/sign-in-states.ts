import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { TenantId } from '#kernel';
import { HandleSealer } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { TenantIssuer } from '../issuer-directory.js';
import { SealedRecords } from '../records/sealed-records.js';

/** What a person signs in for. */
export type SignInPurpose =
  | { readonly kind: 'consent'; readonly uid: string; readonly clientId: string }
  | { readonly kind: 'browser'; readonly returnTo: string };

/** What is kept between the way to the identity provider and the way back. */
export interface SignInState {
  readonly tenantId: TenantId;
  readonly slug: string;
  readonly purpose: SignInPurpose;
  readonly issuerId: string;
  readonly nonce: string;
  readonly verifier: string;
  /** SHA-256 of what the browser that began it holds, in base64url. */
  readonly browser: string;
}

/** Tells a browser that has begun a sign-in from one that was handed its address. */
export interface BrowserProof {
  /** Names the cookie, so that several sign-ins of one browser do not get in each other's way. */
  readonly suffix: string;
  readonly secret: string;
}

interface Handle {
  readonly tenantId: TenantId;
  readonly id: string;
}

export const STATE_SECONDS = 600;
const KIND = 'SignInState';
const PURPOSE = 'sign-in-state';
const SUFFIX_LENGTH = 8;

/**
 * One-time states of sign-ins. The `state` parameter is a sealed handle that names tenant and record; the record can be
 * taken once, within ten minutes, by the browser that began.
 */
@Injectable()
export class SignInStates {
  constructor(
    private readonly records: SealedRecords,
    private readonly handles: HandleSealer,
  ) {}

  async open(
    { tenant }: TenantIssuer,
    content: Omit<SignInState, 'tenantId' | 'slug' | 'browser'>,
  ): Promise<{ readonly state: string; readonly proof: BrowserProof }> {
    const handle: Handle = { tenantId: tenant.id, id: randomBytes(32).toString('base64url') };
    const secret = randomBytes(32).toString('base64url');
    const payload: SignInState = { ...content, tenantId: tenant.id, slug: tenant.slug, browser: digest(secret) };
    await this.records.write(placeOf(handle), { payload, seconds: STATE_SECONDS });
    return { state: this.handles.seal(PURPOSE, JSON.stringify(handle)), proof: { suffix: suffixOf(handle), secret } };
  }

  /** Which cookie goes with a state; undefined for what is no state of ours. */
  suffixOf(state: string): string | undefined {
    const handle = this.handleOf(state);
    return handle && suffixOf(handle);
  }

  /** Gives the state once, and only to the browser that began. Whoever asks, it is gone afterwards. */
  async take(state: string, secret: string | undefined): Promise<SignInState | undefined> {
    const handle = this.handleOf(state);
    const kept = handle && (await this.records.take<SignInState>(placeOf(handle)));
    if (!kept || secret === undefined) return undefined;
    return timingSafeEqual(Buffer.from(digest(secret)), Buffer.from(kept.browser)) ? kept : undefined;
  }

  private handleOf(state: string): Handle | undefined {
    const text = this.handles.open(PURPOSE, state);
    return text === undefined ? undefined : (JSON.parse(text) as Handle);
  }
}

const placeOf = ({ tenantId, id }: Handle) => ({ tenantId, kind: KIND, name: id });
const suffixOf = ({ id }: Handle): string => id.slice(0, SUFFIX_LENGTH);
const digest = (secret: string): string => createHash('sha256').update(secret).digest('base64url');
