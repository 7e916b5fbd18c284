import { beforeEach, describe, expect, it } from '@jest/globals';
import { Clock, principalId } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';
import { DEFAULT_TENANT } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { eventOf } from '../../testing/access-stores.js';
import { type IdentityOptions, type MemoryIdentity, openMemoryIdentity } from '../../testing/memory-identity.js';
import type { IdentifiableRequest, Verdict } from './caller-identity.js';
import type { CredentialVerifier, Verified } from './credential-verifier.js';
import { apiKeyText, hashOfSecret, newApiKeyId, newApiKeySecret } from '../keys/api-key-text.js';

class HandClock extends Clock {
  time = Date.now();
  override now(): number {
    return this.time;
  }
}

/** Knows `token-<anything>`; each lookup is counted, and can be held up. */
class TokenVerifier implements CredentialVerifier {
  lookups = 0;
  answer: (presented: string) => Promise<Verified | undefined> = async () => undefined;

  takes(presented: string): boolean {
    return presented.startsWith('token-');
  }

  verify(presented: string): Promise<Verified | undefined> {
    this.lookups += 1;
    return this.answer(presented);
  }
}

const EVENT = eventOf('x.y');
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('CallerIdentity', () => {
  let clock: HandClock;
  let tokens: TokenVerifier;
  let open: MemoryIdentity;

  beforeEach(async () => {
    clock = new HandClock();
    tokens = new TokenVerifier();
    open = await openWith({});
  });

  const openWith = (options: IdentityOptions) => openMemoryIdentity({ clock, verifiers: [tokens], ...options });
  const ask = (headers: Record<string, string | undefined>, more: Partial<{ url: string; address: string }> = {}) =>
    open.identity.identify({
      headers,
      url: more.url ?? '/mcp',
      socket: { remoteAddress: more.address ?? '192.0.2.1' },
    } as IdentifiableRequest);
  const codeOf = async (verdict: Verdict | Promise<Verdict>) => (await verdict).refusal?.code ?? 'none';

  async function addKey(more: { expiresAt?: Date; roles?: string[]; tenant?: typeof open.stores.own } = {}) {
    const tenant = more.tenant ?? open.stores.own;
    const { principals, keys } = open.stores;
    const [id, secret] = [newApiKeyId(tenant), newApiKeySecret()];
    const bot = principalId(`bot-${id}`);
    await principals.insert(
      { tenantId: tenant, id: bot, kind: 'service', name: 'bot', roles: more.roles ?? ['caller'] },
      EVENT,
    );
    await keys.insert(
      {
        tenantId: tenant,
        id,
        principalId: bot,
        name: 'key',
        hash: hashOfSecret(secret),
        scopes: ['mcp'],
        ...(more.expiresAt ? { expiresAt: more.expiresAt } : {}),
      },
      EVENT,
    );
    return { id, key: apiKeyText(id, secret), principal: bot, tenant };
  }

  describe('with an API key', () => {
    it('tells its principal, of the key’s tenant, from either header', async () => {
      const { id, key, principal } = await addKey();
      for (const headers of [
        bearer(key),
        { 'x-api-key': key },
        { authorization: `bearer   ${key}` },
        { ...bearer(key), 'x-api-key': key },
      ]) {
        expect((await ask(headers)).principal).toEqual({
          id: principal,
          tenantId: open.stores.own,
          roles: ['caller'],
          scopes: ['mcp'],
          permissions: { tools: [], servers: [], virtualServers: [] },
          credential: { kind: 'api_key', id },
        });
      }
    });

    it('refuses unknown, wrong, revoked and expired ones with the same text', async () => {
      const [right, other, revoked] = [await addKey(), await addKey(), await addKey()];
      const expired = await addKey({ expiresAt: new Date(clock.time) });
      await open.stores.keys.revoke(revoked.tenant, revoked.id, EVENT);
      const secret = right.key.slice(-43);
      const wrong = [
        apiKeyText(newApiKeyId(open.stores.own), secret),
        apiKeyText(newApiKeyId(open.stores.foreign), secret),
        apiKeyText(other.id, secret),
        revoked.key,
        expired.key,
        'mcpc_made_up',
        'nonsense',
      ];
      const refusals = await Promise.all(wrong.map(async (key) => (await ask(bearer(key))).refusal));
      expect(new Set(refusals.map((refusal) => `${refusal?.status} ${refusal?.code} ${refusal?.message}`)).size).toBe(
        1,
      );
      expect(refusals[0]).toMatchObject({ status: 401, code: 'COMPOSER_UNAUTHENTICATED' });
    });

    it('answers at once the second time, and no longer than the key lives', async () => {
      const { key } = await addKey({ expiresAt: new Date(clock.time + 30_000) });
      const first = ask(bearer(key));
      expect(first).toBeInstanceOf(Promise);
      await first;
      expect(ask(bearer(key))).toMatchObject({ principal: { tenantId: open.stores.own } });
      clock.time += 30_000;
      expect(await codeOf(ask(bearer(key)))).toBe('COMPOSER_UNAUTHENTICATED');
    });

    it('lets nobody in any more once key, principal or tenant is changed', async () => {
      const { stores } = open;
      const steps: ((made: Awaited<ReturnType<typeof addKey>>) => Promise<unknown>)[] = [
        ({ id, tenant }) => stores.keys.revoke(tenant, id, EVENT),
        ({ principal, tenant }) => stores.principals.remove(tenant, principal, EVENT),
        async ({ principal, tenant }) => {
          const stored = (await stores.principals.find(tenant, principal))!;
          await stores.principals.replace({ ...stored, disabledAt: new Date(), version: 2 }, EVENT);
        },
        async ({ tenant }) => {
          const stored = (await stores.tenants.find(tenant))!;
          await stores.tenants.replace({ ...stored, suspendedAt: new Date(), version: 2 }, EVENT);
        },
      ];
      for (const step of steps) {
        const made = await addKey();
        expect((await ask(bearer(made.key))).principal).toBeDefined();
        await step(made);
        expect(await codeOf(ask(bearer(made.key)))).toBe('COMPOSER_UNAUTHENTICATED');
      }
    });

    it('notes to the minute when it was used, off the way of the call', async () => {
      const { id, key, tenant } = await addKey();
      await ask(bearer(key));
      expect((await open.stores.keys.find(tenant, id))?.lastUsedAt).toBeUndefined();
      await open.uses.flush();
      const used = (await open.stores.keys.find(tenant, id))?.lastUsedAt;
      expect(used?.getTime()).toBe(Math.floor(clock.time / 60_000) * 60_000);
    });
  });

  describe('looking for the credential', () => {
    it.each([
      ['no header at all', {}, 'COMPOSER_UNAUTHENTICATED'],
      ['another scheme', { authorization: 'Basic YTpi' }, 'COMPOSER_UNAUTHENTICATED'],
      ['no token', { authorization: 'Bearer' }, 'COMPOSER_CREDENTIAL_MALFORMED'],
      ['a blank token', { authorization: 'Bearer  ' }, 'COMPOSER_CREDENTIAL_MALFORMED'],
      ['two tokens', { authorization: 'Bearer token-1 token-2' }, 'COMPOSER_CREDENTIAL_MALFORMED'],
      ['two headers in one', { authorization: 'Bearer token-1, Bearer token-2' }, 'COMPOSER_CREDENTIAL_MALFORMED'],
      ['odd characters', { authorization: 'Bearer tök' }, 'COMPOSER_CREDENTIAL_MALFORMED'],
      ['an endless token', bearer(`token-${'x'.repeat(9000)}`), 'COMPOSER_CREDENTIAL_MALFORMED'],
      ['an empty key', { 'x-api-key': '' }, 'COMPOSER_CREDENTIAL_MALFORMED'],
      ['two different ones', { ...bearer('token-1'), 'x-api-key': 'token-2' }, 'COMPOSER_CREDENTIAL_MALFORMED'],
      ['a token where a key belongs', { 'x-api-key': 'token-1' }, 'COMPOSER_UNAUTHENTICATED'],
    ])('answers %s', async (_, headers, code) => {
      expect(await codeOf(ask(headers))).toBe(code);
      expect(tokens.lookups).toBe(0);
    });

    it('never looks at the address', async () => {
      const { key } = await addKey();
      expect(await codeOf(ask({}, { url: `/mcp?access_token=${key}` }))).toBe('COMPOSER_UNAUTHENTICATED');
    });

    it('takes everybody for the local administrator where the composer is open', async () => {
      open = await openWith({ mode: 'none' });
      expect(ask(bearer('token-1'))).toMatchObject({ principal: { id: 'local', tenantId: DEFAULT_TENANT } });
      expect(tokens.lookups).toBe(0);
    });
  });

  describe('remembering', () => {
    const ada = principalOf('ada');

    it('asks once for many who present the same at once, and again after a minute', async () => {
      tokens.answer = async () => ({ principal: ada });
      await Promise.all(Array.from({ length: 50 }, async () => ask(bearer('token-1'))));
      clock.time += 59_999;
      await ask(bearer('token-1'));
      expect(tokens.lookups).toBe(1);
      clock.time += 1;
      expect((await ask(bearer('token-1'))).principal).toEqual(ada);
      expect(tokens.lookups).toBe(2);
    });

    it('lets nobody in by a lookup that began before a change', async () => {
      let arrive: (verified: Verified) => void = () => undefined;
      tokens.answer = () => new Promise((resolve) => (arrive = resolve));
      const late = ask(bearer('token-1'));
      await open.stores.trail.feed.tell({ tenantId: ada.tenantId, topic: 'access' });
      tokens.answer = async () => undefined;
      arrive({ principal: ada });
      expect(await codeOf(late)).toBe('COMPOSER_UNAUTHENTICATED');
      expect(await codeOf(ask(bearer('token-1')))).toBe('COMPOSER_UNAUTHENTICATED');
    });

    it('lets in, for this request alone, whoever is verified while the tenant changes all the time', async () => {
      tokens.answer = async () => {
        await open.stores.trail.feed.tell({ tenantId: open.stores.own, topic: 'access' });
        return { principal: principalOf('ada', { tenantId: open.stores.own }) };
      };
      expect(await codeOf(ask(bearer('token-a')))).toBe('none');
      const before = tokens.lookups;
      expect(await codeOf(ask(bearer('token-a')))).toBe('none');
      expect(tokens.lookups).toBeGreaterThan(before);
      tokens.answer = async () => undefined;
      expect(await codeOf(ask(bearer('token-a')))).toBe('COMPOSER_UNAUTHENTICATED');
    });

    it('remembers a refusal for five seconds, or until something changes', async () => {
      await ask(bearer('token-1'));
      await ask(bearer('token-1'));
      expect(tokens.lookups).toBe(1);
      await open.stores.trail.feed.tell({ tenantId: open.stores.own, topic: 'access' });
      await ask(bearer('token-1'));
      expect(tokens.lookups).toBe(2);
      clock.time += 5_000;
      await ask(bearer('token-1'));
      expect(tokens.lookups).toBe(3);
    });

    it('goes on for five minutes while the database is away, but not past the credential’s end', async () => {
      const ending = principalOf('bob', { credential: { kind: 'token', id: 't', expiresAt: clock.time + 120_000 } });
      tokens.answer = async (presented) => ({ principal: presented === 'token-1' ? ada : ending });
      await ask(bearer('token-1'));
      await ask(bearer('token-2'));
      tokens.answer = () => Promise.reject(new DatabaseUnavailableError('is away'));
      clock.time += 120_000;
      expect((await ask(bearer('token-1'))).principal).toEqual(ada);
      expect((await ask(bearer('token-2'))).refusal).toMatchObject({ status: 503, retryable: true });
      clock.time += 180_000;
      expect((await ask(bearer('token-1'))).refusal).toMatchObject({ code: 'COMPOSER_DATABASE_UNAVAILABLE' });
    });

    it('lets nobody in while the database is away if the tenant has changed, or changes may have been missed', async () => {
      tokens.answer = async () => ({ principal: ada });
      await ask(bearer('token-1'));
      await ask(bearer('token-2'));
      tokens.answer = () => Promise.reject(new DatabaseUnavailableError('is away'));
      open.stores.trail.feed.age = 5 * 60_000 + 1;
      expect((await ask(bearer('token-1'))).refusal?.status).toBe(503);
      open.stores.trail.feed.age = 0;
      expect((await ask(bearer('token-1'))).principal).toEqual(ada);
      await open.stores.trail.feed.tell({ tenantId: ada.tenantId, topic: 'access' });
      expect((await ask(bearer('token-1'))).refusal?.status).toBe(503);
    });

    it('never passes off a fault of its own as a verdict', async () => {
      tokens.answer = () => Promise.reject(new TypeError('a bug'));
      expect((await ask(bearer('token-1'))).refusal).toMatchObject({
        status: 503,
        code: 'COMPOSER_IDENTITY_UNAVAILABLE',
      });
    });

    it('asks at each request whether the credential is for its address', async () => {
      open = await openWith({ isMeant: ({ audiences }, url) => audiences?.includes(url) ?? true });
      tokens.answer = async () => ({ principal: ada, audiences: ['/mcp/crm'] });
      expect((await ask(bearer('token-1'), { url: '/mcp/crm' })).principal).toEqual(ada);
      expect(await codeOf(ask(bearer('token-1'), { url: '/mcp' }))).toBe('COMPOSER_UNAUTHENTICATED');
      expect(tokens.lookups).toBe(1);
    });
  });

  describe('after too many failed attempts from one address', () => {
    const fail = async (address: string) => {
      for (let n = 0; n < 20; n++) await ask(bearer(`token-wrong-${n}`), { address });
    };

    it('looks at nothing from there for a while, and says for how long', async () => {
      await fail('192.0.2.9');
      const { refusal } = await ask(bearer('token-next'), { address: '192.0.2.9' });
      expect(refusal).toMatchObject({ status: 429, code: 'COMPOSER_RATE_LIMITED', retryAfter: 3 });
      expect(tokens.lookups).toBe(20);
      expect(await codeOf(ask(bearer('token-next'), { address: '192.0.2.8' }))).toBe('COMPOSER_UNAUTHENTICATED');
      clock.time += 3_000;
      expect(await codeOf(ask(bearer('token-other'), { address: '192.0.2.9' }))).toBe('COMPOSER_UNAUTHENTICATED');
    });

    it('goes on serving who was let in before, also when that is to be looked up anew', async () => {
      const { key } = await addKey();
      await ask(bearer(key), { address: '192.0.2.9' });
      await fail('192.0.2.9');
      expect((await ask(bearer(key), { address: '192.0.2.9' })).principal).toBeDefined();
      clock.time += 60_000;
      await fail('192.0.2.9');
      expect((await ask(bearer(key), { address: '192.0.2.9' })).principal).toBeDefined();
    });

    it('counts neither what was right nor what has the form of no credential', async () => {
      for (let n = 0; n < 30; n++) await ask(bearer(`mcpc_${n}`), { address: '192.0.2.9' });
      for (let n = 0; n < 30; n++) await ask(bearer((await addKey()).key), { address: '192.0.2.9' });
      expect(await codeOf(ask(bearer('token-next'), { address: '192.0.2.9' }))).toBe('COMPOSER_UNAUTHENTICATED');
    });
  });
});
