import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { principalId, serverId, tenantId } from '#kernel';
import { openHandleSealer, openMemorySealer } from '#persistence/testing';
import { MemoryPendingConsentStore } from '../memory/memory.pending-consent.store.js';
import { TooManyConsentsError } from '../token-store.errors.js';
import type { StoredConsent } from './pending-consent.store.js';
import { PendingConsents } from './pending-consents.js';

const browser = createHash('sha256').update('cookie').digest('base64url');
const pending = {
  tenantId: tenantId('00000000-0000-4000-8000-00000000000a'),
  serverId: serverId('crm'),
  principalId: principalId('ann'),
  browser,
  payload: { verifier: 'a-verifier-that-nobody-reads', issuer: 'https://issuer.example' },
};

describe('pending consents', () => {
  let now: number;
  let put: StoredConsent[];
  let store: MemoryPendingConsentStore;
  let consents: PendingConsents;

  beforeEach(async () => {
    now = 1_000;
    put = [];
    store = new MemoryPendingConsentStore({ now: () => now });
    const original = store.put.bind(store);
    store.put = async (consent, bounds) => {
      put.push(consent);
      return original(consent, bounds);
    };
    consents = new PendingConsents(store, await openMemorySealer(), await openHandleSealer());
  });

  it('come back whole, to the browser that began, once', async () => {
    const state = await consents.begin(pending);
    expect(await consents.take(state, browser)).toEqual(pending);
    expect(await consents.take(state, browser)).toBeUndefined();
  });

  it('are gone when another browser has asked for them', async () => {
    const state = await consents.begin(pending);
    expect(await consents.take(state, createHash('sha256').update('other').digest('base64url'))).toBeUndefined();
    expect(await consents.take(state, browser)).toBeUndefined();
    const second = await consents.begin(pending);
    expect(await consents.take(second, '')).toBeUndefined();
    expect(await consents.take(second, browser)).toBeUndefined();
  });

  it('have states that fit into an address and tell nothing', async () => {
    const state = await consents.begin(pending);
    expect(state).toMatch(/^[A-Za-z0-9._-]{43,400}$/);
    expect(state).not.toContain(pending.tenantId);
    expect(await consents.begin(pending)).not.toBe(state);
  });

  it('lie in the store without state, verifier and browser', async () => {
    const state = await consents.begin(pending);
    const text = JSON.stringify(put);
    for (const secret of [state, pending.payload.verifier, browser]) expect(text).not.toContain(secret);
    expect(put[0]?.id).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('last ten minutes', async () => {
    const [early, late] = [await consents.begin(pending), await consents.begin(pending)];
    now += 599_000;
    expect(await consents.take(early, browser)).toEqual(pending);
    now += 1_000;
    expect(await consents.take(late, browser)).toBeUndefined();
  });

  it('are not found by made-up states', async () => {
    const state = await consents.begin(pending);
    for (const made of ['', 'x', 'h1.kek_test.AAAA', `${state}A`, state.slice(0, -1), state.toLowerCase()]) {
      expect(await consents.take(made, browser)).toBeUndefined();
    }
    expect(await consents.take(state, browser)).toEqual(pending);
  });

  it('do not open when they were moved to another tenant or state', async () => {
    const state = await consents.begin(pending);
    await consents.begin({ ...pending, principalId: principalId('bob') });
    const [own, other] = put as [StoredConsent, StoredConsent];
    await store.take(own);
    await store.put({ ...own, payload: other.payload }, { seconds: 60, ofPrincipal: 9, ofTenant: 9 });
    await expect(consents.take(state, browser)).rejects.toThrow(/does not open/);
  });

  it('are refused where a tenant has too many', async () => {
    store.put = async () => false;
    await expect(consents.begin(pending)).rejects.toThrow(TooManyConsentsError);
  });
});
