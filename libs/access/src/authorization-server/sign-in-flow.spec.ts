import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { CookieBrowser } from '#pages/testing';
import {
  ACME,
  type OpenAuthorizationServer,
  openAuthorizationServer,
} from '../../testing/open-authorization-server.js';
import { REDIRECT, SignInClient, answerTo, isAtApp, trust } from '../../testing/sign-in-client.js';
import { PROVIDER_CLIENT, SmallIdentityProvider } from '../../testing/small-identity-provider.js';

let idp: SmallIdentityProvider;
let server: OpenAuthorizationServer;
let person: SignInClient;
let issuer: string;

beforeAll(async () => {
  idp = await SmallIdentityProvider.open();
  server = await openAuthorizationServer({ allow: ['127.0.0.0/8:*'] });
  await trust(server, idp);
  person = new SignInClient(server);
  ({ issuer } = person);
});
afterAll(async () => {
  await server?.close();
  await idp?.close();
});

const manners = {
  subject: 'ada',
  claims: { email: 'ada@example.com', groups: ['staff'] },
  token: {},
  givesIdToken: true,
};
beforeEach(() => {
  person.browser = new CookieBrowser();
  Object.assign(idp.manners, manners, { iss: undefined, error: undefined });
});

const people = () => server.people.list(ACME, { limit: 100 });
const actions = (): string[] => server.store.events.map(({ action }) => action);

describe('signing in', () => {
  it('asks for consent, then sends the person to the identity provider, then gives a code', async () => {
    const client = await person.app();
    const before = server.store.events.length;
    const page = await person.consentPage(client);
    expect(new URL(page.url).pathname).toMatch(/^\/t\/acme\/auth\/consent\//);
    const interstitial = await person.browser.submit(page, 'allow');
    const asked = new URL(interstitial.next!);
    expect(asked.origin).toBe(idp.url);
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      client_id: PROVIDER_CLIENT.id,
      redirect_uri: `${server.publicUrl}/auth/callback`,
      response_type: 'code',
      scope: 'openid email',
      code_challenge_method: 'S256',
      nonce: expect.any(String),
      state: expect.any(String),
    });
    const back = answerTo(await person.browser.follow(interstitial.next!, isAtApp));
    expect(back).toEqual({ code: expect.any(String), state: 'of-the-app', iss: issuer });

    const { status, body } = await person.exchange(client, back['code']!);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'mcp',
      refresh_token: expect.any(String),
    });
    expect(server.store.events.slice(before).map(({ action }) => action)).toEqual(['sign_in.done', 'consent.given']);
    expect(actions()).not.toContain('consent.refused');

    const [principal] = await people();
    expect(principal).toMatchObject({
      kind: 'user',
      name: 'ada@example.com',
      identity: { issuer: idp.url, subject: 'ada' },
    });
    const verified = await server.tokens.verify(body.access_token);
    expect(verified).toMatchObject({
      principal: { id: principal!.id, tenantId: ACME, roles: ['developer', 'caller'], scopes: ['mcp'] },
      audiences: [`${issuer}/mcp`],
    });
  });

  it('knows the same person again', async () => {
    await person.signIn();
    await person.signIn();
    expect(await people()).toHaveLength(1);
  });

  it('sends what the person has refused back to the application, and to nobody else', async () => {
    const client = await person.app();
    const exchanges = idp.exchanges.length;
    const answer = await person.browser.submit(await person.consentPage(client), 'refuse');
    const back = answerTo(await person.browser.follow(answer.next!, isAtApp));
    expect(back).toMatchObject({ error: 'access_denied', state: 'of-the-app', iss: issuer });
    expect(back['code']).toBeUndefined();
    expect(idp.exchanges).toHaveLength(exchanges);
    expect(actions()).toContain('consent.refused');
  });

  it('gives the scope mcp to whoever asks for none, and the endpoint of the tenant to whoever names no resource', async () => {
    const client = await person.app();
    const url = new URL(client.url);
    url.searchParams.delete('scope');
    url.searchParams.delete('resource');
    const { tokens } = await person.signIn({ ...client, url: url.href });
    expect(decodeJwt(tokens.access_token)).toMatchObject({ scope: 'mcp', aud: `${issuer}/mcp` });
  });

  it('tolerates scopes that others ask for everywhere', async () => {
    const { tokens } = await person.signIn(await person.app({}, { scope: 'openid profile offline_access mcp manage' }));
    expect(decodeJwt(tokens.access_token)).toMatchObject({ scope: 'mcp manage' });
  });

  it.each([
    ['another tenant', () => `${server.publicUrl}/mcp`],
    ['a place that is no MCP endpoint', () => `${issuer}/api`],
    ['another server', () => 'https://elsewhere.example/mcp'],
  ])('refuses the resource of %s', async (_, resource) => {
    const client = await person.app({}, { resource: resource() });
    const back = answerTo(await person.browser.ask(client.url));
    expect(back).toMatchObject({ error: 'invalid_target', iss: issuer });
  });

  it.each([
    ['without PKCE', { code_challenge: '', code_challenge_method: '' }],
    ['with plain PKCE', { code_challenge_method: 'plain' }],
    ['for a token at once', { response_type: 'token' }],
  ])('refuses a request %s', async (_, query) => {
    const client = await person.app({}, query);
    const url = new URL(client.url);
    for (const [name, value] of Object.entries(query)) if (value === '') url.searchParams.delete(name);
    const answer = await person.browser.ask(url.href);
    const back = new URL(answer.next!);
    expect(back.href + back.hash).toMatch(/error=(invalid_request|unsupported_response_type)/);
  });

  it('goes nowhere for a redirect that is not registered, and says so to the person alone', async () => {
    for (const redirect_uri of [
      `${REDIRECT}/x`,
      `${REDIRECT}?x`,
      'http://127.0.0.1:4712/callback',
      'https://evil.example/',
    ]) {
      const answer = await person.browser.ask((await person.app({}, { redirect_uri })).url);
      expect(answer).toMatchObject({ status: 400 });
      expect(answer.next).toBeUndefined();
      expect(answer.headers.get('content-security-policy')).toContain(`default-src 'none'`);
    }
  });

  it('says that nobody can sign in where there is no identity provider', async () => {
    const client_id = await person.register({}, server.publicUrl);
    const url = person.appOf(client_id, { resource: `${server.publicUrl}/mcp` }).url.replace('/t/acme/', '/');
    const page = await person.browser.follow(url);
    expect(page.status).toBe(503);
    expect(page.text).toContain('no identity provider is set up here');
    const link = /<a href="([^"]+)">Back/.exec(page.text)![1]!;
    const back = answerTo(await person.browser.ask(link));
    expect(back).toMatchObject({ error: 'temporarily_unavailable', state: 'of-the-app' });
  });
});

describe('the consent page', () => {
  const HOSTILE = `<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e`;

  it('names who asks, for what, and where it goes, and escapes all of it', async () => {
    const page = await person.consentPage(await person.app({ client_name: HOSTILE }, { scope: 'mcp manage' }));
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/<script|<img|\u202e/);
    expect(page.text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    for (const told of ['ACME', '127.0.0.1:4711', 'unverified', 'program on this computer', 'see and call', 'manage']) {
      expect(page.text).toContain(told);
    }
    expect(page.text).toContain(new URL(idp.url).host);
  });

  it('cannot be framed, cached or scripted', async () => {
    const { headers } = await person.consentPage(await person.app());
    const policy = headers.get('content-security-policy')!;
    for (const rule of [`default-src 'none'`, `form-action 'self'`, `frame-ancestors 'none'`, `base-uri 'none'`]) {
      expect(policy).toContain(rule);
    }
    expect(policy).not.toContain('unsafe');
    expect(policy).not.toContain('script-src');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('x-frame-options')).toBe('DENY');
  });

  it('is shown to the browser that was asked, and to no other one', async () => {
    const page = await person.consentPage(await person.app());
    const other = await new CookieBrowser().ask(page.url);
    expect(other.status).toBe(400);
    expect(other.text).not.toContain('csrf');
  });

  it.each([
    ['without what the page knows', { csrf: '' }, {}],
    ['from another page', {}, { origin: 'https://evil.example' }],
    ['that says neither yes nor no', { decision: 'perhaps' }, {}],
  ])('takes no form %s', async (_, fields, headers) => {
    const page = await person.consentPage(await person.app());
    const action = /action="([^"]+)"/.exec(page.text)![1]!;
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)![1]!;
    const url = new URL(action, page.url).href;
    const answer = await person.browser.ask(url, { csrf, decision: 'allow', ...fields }, headers);
    expect(answer.status).toBe(400);
    expect(answer.next).toBeUndefined();
  });

  it('takes no form with what another page knew', async () => {
    const [mine, theirs] = [await person.consentPage(await person.app()), await person.consentPage(await person.app())];
    const csrf = /name="csrf" value="([^"]+)"/.exec(theirs.text)![1]!;
    expect((await person.browser.submit(mine, 'allow', { csrf })).status).toBe(400);
  });
});

describe('the way back from the identity provider', () => {
  /** Up to the answer of the identity provider, which is not delivered. */
  async function captured(): Promise<string> {
    const interstitial = await person.browser.submit(await person.consentPage(await person.app()), 'allow');
    const at = await person.browser.ask(interstitial.next!);
    expect(at.next).toContain('/auth/callback?');
    return at.next!;
  }

  it('counts in the browser that went, and not in another one, and is over then', async () => {
    const url = await captured();
    const other = await new CookieBrowser().ask(url);
    expect(other).toMatchObject({ status: 400 });
    expect(other.next).toBeUndefined();
    expect((await person.browser.ask(url)).status).toBe(400);
  });

  it('counts once', async () => {
    const url = await captured();
    const first = await person.browser.ask(url);
    expect(first.status).toBe(303);
    expect((await person.browser.ask(url)).status).toBe(400);
  });

  it.each([
    ['no state', (url: URL) => url.searchParams.delete('state')],
    ['an altered state', (url: URL) => url.searchParams.set('state', `${url.searchParams.get('state')}x`)],
    ['two states', (url: URL) => url.searchParams.append('state', 'another')],
    ['the name of another provider', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
  ])('is refused with %s', async (_, alter) => {
    const url = new URL(await captured());
    alter(url);
    const answer = await person.browser.ask(url.href);
    expect(answer.status).toBe(400);
    expect(answer.next).toBeUndefined();
    expect(answer.text).not.toContain('evil.example');
  });

  it('is refused without a name where the provider promises one', async () => {
    const naming = await SmallIdentityProvider.open();
    naming.manners.iss = naming.url;
    await trust(server, naming, 2);
    const url = new URL(await captured());
    url.searchParams.delete('iss');
    const answer = await person.browser.ask(url.href);
    const whole = await person.signIn();
    await trust(server, idp, 3);
    await naming.close();
    expect(answer.status).toBe(400);
    expect(answer.next).toBeUndefined();
    expect(whole.tokens.access_token).toBeDefined();
  });

  it.each([
    ['another nonce', { nonce: 'another' }],
    ['another audience', { aud: 'somebody-else' }],
    ['another issuer', { iss: 'https://evil.example' }],
    ['another party', { azp: 'somebody-else' }],
    ['nobody in it', { sub: '' }],
  ])('signs nobody in whose ID token has %s', async (_, wrong) => {
    idp.manners.token = wrong;
    const page = await person.goOn(await person.consentPage(await person.app()));
    expect(page.status).toBe(403);
    const link = /<a href="([^"]+)">Back/.exec(page.text)![1]!;
    expect(answerTo(await person.browser.ask(link))).toMatchObject({ error: 'access_denied' });
  });

  it('asks the provider who it was where there is no ID token', async () => {
    idp.manners.givesIdToken = false;
    idp.manners.subject = 'grace';
    idp.manners.claims = { email: 'grace@example.com' };
    await person.signIn();
    expect((await people()).map(({ name }) => name)).toContain('grace@example.com');
  });

  it('tells the application when the provider has refused', async () => {
    idp.manners.error = 'access_denied';
    const page = await person.goOn(await person.consentPage(await person.app()));
    expect(page.status).toBe(403);
    const link = /<a href="([^"]+)">Back/.exec(page.text)![1]!;
    expect(answerTo(await person.browser.ask(link))).toMatchObject({ error: 'access_denied', state: 'of-the-app' });
  });

  it('tells whoever is disabled, and lets them in nowhere', async () => {
    await person.signIn();
    const ada = (await people()).find(({ identity }) => identity?.issuer === idp.url && identity.subject === 'ada');
    await server.changePrincipal(ada!.id, { disabledAt: new Date() });
    const page = await person.goOn(await person.consentPage(await person.app()));
    await server.changePrincipal(ada!.id, { disabledAt: undefined as never });
    expect(page.status).toBe(403);
    expect(page.text).toContain('your account here is disabled');
    expect(server.store.events.at(-1)).toMatchObject({ action: 'sign_in.refused', outcome: 'refused' });
  });

  it('leaves the authorization of another browser alone', async () => {
    const interstitial = await person.browser.submit(await person.consentPage(await person.app()), 'allow');
    const callback = await person.browser.ask(interstitial.next!);
    const resume = (await person.browser.ask(callback.next!)).next!;
    expect(resume).toMatch(/\/authorize\/[\w-]+$/);
    const stolen = await new CookieBrowser().ask(resume);
    expect(stolen.status).toBe(400);
    expect(stolen.next).toBeUndefined();
    expect(isAtApp((await person.browser.ask(resume)).next!)).toBe(true);
  });
});
