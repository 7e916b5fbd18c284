import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type TenantId, principalId } from '#kernel';
import { DEFAULT_TENANT } from '#tenancy';
import { type BrowserAnswer, CookieBrowser } from '#pages/testing';
import { eventOf } from '../../testing/access-stores.js';
import {
  ACME,
  type OpenAuthorizationServer,
  openAuthorizationServer,
} from '../../testing/open-authorization-server.js';
import { apiKeyText, hashOfSecret, newApiKeyId, newApiKeySecret } from '../keys/api-key-text.js';

function newKey(tenant: TenantId) {
  const [id, secret] = [newApiKeyId(tenant), newApiKeySecret()];
  return { id, hash: hashOfSecret(secret), text: apiKeyText(id, secret) };
}

const ANN = principalId('ann');
let server: OpenAuthorizationServer;
let login: string;
let key: ReturnType<typeof newKey>;
let browser: CookieBrowser;

beforeAll(async () => {
  server = await openAuthorizationServer();
  login = `${server.publicUrl}/auth/login?tenant=acme&return_to=${encodeURIComponent('/connect/crm?tenant=acme')}`;
  const ann = { tenantId: ACME, id: ANN, kind: 'service' as const, name: 'Ann', roles: ['caller'] };
  await server.people.insert(ann, eventOf('principal.created'));
});
afterAll(() => server?.close());
beforeEach(async () => {
  browser = new CookieBrowser();
  key = newKey(ACME);
  const draft = {
    tenantId: ACME,
    id: key.id,
    principalId: ANN,
    name: 'a key',
    hash: key.hash,
    scopes: ['mcp'] as const,
  };
  await server.apiKeys.insert(draft, eventOf('api_key.created'));
});

const show = (text: string, page?: BrowserAnswer): Promise<BrowserAnswer> =>
  (page ? Promise.resolve(page) : browser.ask(login)).then((asked) => browser.submit(asked, '', { key: text }));
const session = (answer: BrowserAnswer): string =>
  answer.headers
    .getSetCookie()
    .find((line) => line.startsWith('mcpc_session='))!
    .split(/[=;]/)[1]!;
const verdictOn = async (cookie: string) => (await server.sessionVerifier.verify(cookie))?.principal;

describe('where a tenant has no identity provider', () => {
  it('an API key opens a session that may what the key may, for 15 minutes', async () => {
    const before = server.store.events.length;
    const answer = await show(key.text);
    expect(answer).toMatchObject({ status: 303, next: `${server.publicUrl}/connect/crm?tenant=acme` });
    expect(answer.headers.getSetCookie().join()).toMatch(
      /mcpc_session=[^;]+; Path=\/; Max-Age=900; HttpOnly; SameSite=Lax/,
    );
    expect(await verdictOn(session(answer))).toMatchObject({
      id: ANN,
      tenantId: ACME,
      roles: ['caller'],
      scopes: ['mcp'],
      credential: { kind: 'session', expiresAt: expect.any(Number) },
    });
    expect(server.store.events.slice(before)).toMatchObject([
      { action: 'sign_in.done', actor: { id: ANN, credential: key.id }, detail: { by: 'api_key' } },
    ]);
  });

  it('the session ends with the key', async () => {
    const cookie = session(await show(key.text));
    expect(await verdictOn(cookie)).toBeDefined();
    await server.apiKeys.revoke(ACME, key.id, eventOf('api_key.revoked'));
    expect(await verdictOn(cookie)).toBeUndefined();
  });

  it.each([
    ['a wrong key', () => `${key.text.slice(0, -4)}AAAA`],
    ['a key of another tenant', () => newKey(DEFAULT_TENANT).text],
    ['no key', () => ''],
    ['something else', () => 'x'.repeat(4_000)],
  ])('%s is asked for again, and nothing is said of why', async (_, text) => {
    const answer = await show(text());
    expect(answer.status).toBe(401);
    expect(answer.text).toContain('This key is not valid here.');
    expect(answer.headers.getSetCookie().join()).not.toContain('mcpc_session=');
  });

  it('a form that another browser was given, or another site sends, opens nothing', async () => {
    const page = await browser.ask(login);
    const action = `${server.publicUrl}${/action="([^"]+)"/.exec(page.text)![1]!.replaceAll('&amp;', '&')}`;
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)![1]!;
    const form = { csrf, key: key.text };
    const other = new CookieBrowser();
    await other.ask(login);
    for (const sent of [
      await other.ask(action, form),
      await new CookieBrowser().ask(action, form),
      await browser.ask(action, form, { origin: 'https://evil.example' }),
      await browser.ask(action, form, { 'sec-fetch-site': 'cross-site' }),
      await browser.ask(action.replace('connect', 'elsewhere'), form),
    ]) {
      expect(sent.status).toBe(400);
      expect(sent.headers.getSetCookie().join()).not.toContain('mcpc_session=');
    }
    expect((await browser.ask(action, form)).status).toBe(303);
  });

  it('no key gets into the log or an address', async () => {
    const answer = await show(key.text);
    expect([...server.lines, answer.url, answer.next].join('\n')).not.toContain(key.text.slice(-20));
  });

  it('guessing is slowed down', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 25; n++) statuses.push((await show(newKey(ACME).text)).status);
    expect(statuses.at(-1)).toBe(429);
  });
});
