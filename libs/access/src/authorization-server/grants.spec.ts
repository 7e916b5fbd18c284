import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { principalId } from '#kernel';
import { SYSTEM } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { SignJWT, base64url, decodeJwt, importJWK } from 'jose';
import { CookieBrowser } from '#pages/testing';
import {
  ACME,
  type OpenAuthorizationServer,
  openAuthorizationServer,
} from '../../testing/open-authorization-server.js';
import { type App, REDIRECT, SignInClient, answerTo, isAtApp, trust } from '../../testing/sign-in-client.js';
import { SmallIdentityProvider } from '../../testing/small-identity-provider.js';

const DOCUMENT = 'https://app.example/client.json';

let idp: SmallIdentityProvider;
let server: OpenAuthorizationServer;
let person: SignInClient;
let issuer: string;
let documents: Map<string, unknown>;

beforeAll(async () => {
  idp = await SmallIdentityProvider.open();
  documents = new Map();
  server = await openAuthorizationServer({ allow: ['127.0.0.0/8:*'], documents });
  await trust(server, idp);
  person = new SignInClient(server);
  ({ issuer } = person);
});
afterAll(async () => {
  await server?.close();
  await idp?.close();
});
beforeEach(() => void (person.browser = new CookieBrowser()));

const isGood = async (token: string): Promise<boolean> => (await server.tokens.verify(token)) !== undefined;
const revoke = (body: Record<string, string>) =>
  fetch(`${issuer}/revoke`, { method: 'POST', body: new URLSearchParams(body) });
const actions = (): string[] => server.store.events.map(({ action }) => action);

describe('refresh tokens', () => {
  it('rotate, and keep to what was granted', async () => {
    const { client, tokens } = await person.signIn(await person.app({}, { scope: 'mcp manage' }));
    const { status, body } = await person.refresh(client, tokens, { scope: 'mcp' });
    expect({ status, scope: body.scope }).toEqual({ status: 200, scope: 'mcp' });
    expect(body.refresh_token).not.toBe(tokens.refresh_token);
    expect(decodeJwt(body.access_token)).toMatchObject({ aud: `${issuer}/mcp`, client_id: client.id });
    expect(actions().at(-1)).toBe('token.refreshed');
    const wider = await person.refresh(client, body, { resource: `${issuer}/mcp/crm` });
    expect(wider).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
  });

  it('that come back a second time end the grant, and every token of it at once', async () => {
    const { client, tokens } = await person.signIn();
    const { body: second } = await person.refresh(client, tokens);
    expect(await isGood(second.access_token)).toBe(true);
    expect(await person.refresh(client, tokens)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await isGood(second.access_token)).toBe(false);
    expect(await isGood(tokens.access_token)).toBe(false);
    expect(await person.refresh(client, second)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(actions().filter((action) => action === 'grant.revoked')).toHaveLength(1);
  });

  it('are good for one of many who present the same at once, and the grant ends', async () => {
    const { client, tokens } = await person.signIn();
    const answers = await Promise.all([1, 2, 3, 4].map(() => person.refresh(client, tokens)));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect(await isGood(tokens.access_token)).toBe(false);
  });

  it('are bound to their client', async () => {
    const { tokens } = await person.signIn();
    const other = await person.app({ client_name: 'Another' });
    expect(await person.refresh(other, tokens)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('are not for whoever is disabled, or was told that everything from before is void', async () => {
    const { client, tokens } = await person.signIn();
    const [ada] = await server.people.list(ACME, { limit: 10 });
    await server.changePrincipal(ada!.id, { validAfter: new Date(Date.now() + 60_000) });
    expect(await isGood(tokens.access_token)).toBe(false);
    expect(await person.refresh(client, tokens)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await server.changePrincipal(ada!.id, { validAfter: undefined as never });
  });

  it('are void once the identity provider is no longer trusted, and so are access tokens', async () => {
    const { client, tokens } = await person.signIn();
    await server.issuerStore.remove(ACME, 'idp', { action: 'issuer.deleted', actor: SYSTEM });
    expect(await isGood(tokens.access_token)).toBe(false);
    expect(await person.refresh(client, tokens)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await trust(server, idp);
  });
});

describe('codes', () => {
  it('count once; a second use ends what the first one gave', async () => {
    const { client, code, tokens } = await person.signIn();
    expect(await isGood(tokens.access_token)).toBe(true);
    expect(await person.exchange(client, code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await isGood(tokens.access_token)).toBe(false);
  });

  it.each([
    ['another verifier', { code_verifier: 'x'.repeat(43) }],
    ['another redirect', { redirect_uri: `${REDIRECT}/x` }],
  ])('count for nobody with %s', async (_, more) => {
    const client = await person.app();
    const { code } = answerTo(await person.goOn(await person.consentPage(client)));
    expect(await person.exchange(client, code!, more)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
});

describe('revocation', () => {
  it('of a refresh token ends the whole grant at once', async () => {
    const { client, tokens } = await person.signIn();
    expect(await isGood(tokens.access_token)).toBe(true);
    expect((await revoke({ client_id: client.id, token: tokens.refresh_token })).status).toBe(200);
    expect(await isGood(tokens.access_token)).toBe(false);
    expect(await person.refresh(client, tokens)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('is not for another client', async () => {
    const { tokens } = await person.signIn();
    const other = await person.app({ client_name: 'Another' });
    await revoke({ client_id: other.id, token: tokens.refresh_token });
    expect(await isGood(tokens.access_token)).toBe(true);
  });
});

describe('a client that rides on what another one was given', () => {
  let victim: App;
  const mallory = { redirect_uris: ['http://127.0.0.1:4666/steal'], client_name: 'Notebook' };
  const codes = (url: string | undefined): number => (/[?&]code=/.test(url ?? '') ? 1 : 0);

  beforeEach(async () => void ({ client: victim } = await person.signIn()));

  it('gets no code from the same browser without a consent of its own', async () => {
    const theirs = await person.app(mallory, { redirect_uri: mallory.redirect_uris[0]! });
    const page = await person.browser.follow(theirs.url);
    expect(page.status).toBe(200);
    expect(page.text).toContain('127.0.0.1:4666');
    expect(codes(page.next)).toBe(0);
    const silent = await person.browser.ask(`${theirs.url}&prompt=none`);
    expect(silent.next).toMatch(/error=consent_required/);
    expect(codes(silent.next)).toBe(0);
  });

  it('gets no code for the client id of the other one', async () => {
    const url = person.appOf(victim.id, { redirect_uri: mallory.redirect_uris[0]! }).url;
    const answer = await person.browser.ask(url);
    expect(answer.status).toBe(400);
    expect(codes(answer.next)).toBe(0);
  });

  it('gets no code by asking again as the other one: that needs a consent too', async () => {
    const page = await person.browser.follow(person.appOf(victim.id).url);
    expect(page.status).toBe(200);
    expect(page.text).toContain('csrf');
  });

  it('gets no code from an answer of the identity provider to another sign-in', async () => {
    const theirs = new CookieBrowser();
    const app = await person.app(mallory, { redirect_uri: mallory.redirect_uris[0]! });
    const begun = await theirs.submit(await theirs.follow(app.url), 'allow');
    const theirState = new URL(begun.next!).searchParams.get('state')!;
    const ours = await person.browser.submit(await person.consentPage(await person.app()), 'allow');
    const answer = new URL((await person.browser.ask(ours.next!)).next!);
    answer.searchParams.set('state', theirState);
    const mixed = await theirs.follow(answer.href, (url) => url.startsWith(mallory.redirect_uris[0]!));
    expect(codes(mixed.next)).toBe(0);
  });
});

describe('access tokens', () => {
  async function forged(change: object, header: object = {}, key?: Parameters<SignJWT['sign']>[0]): Promise<string> {
    const { tokens } = await person.signIn();
    const [jwk] = (await server.keys.get(ACME)).signing;
    return new SignJWT({ ...decodeJwt(tokens.access_token), ...change })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: jwk!.kid!, ...header })
      .sign(key ?? (await importJWK(jwk!, 'ES256')));
  }

  it('are good as they were issued', async () => {
    expect(await isGood(await forged({}))).toBe(true);
  });

  it.each([
    ['of another tenant', () => ({ tenant: 'another' })],
    ['for another tenant’s endpoint', () => ({ aud: `${server.publicUrl}/mcp` })],
    ['for another server', () => ({ aud: 'https://elsewhere.example/mcp' })],
    ['of another issuer of ours', () => ({ iss: server.publicUrl })],
    ['of a tenant that is not there', () => ({ iss: `${server.publicUrl}/t/globex` })],
    ['of another person', () => ({ sub: 'admin' })],
    ['of a grant that is not there', () => ({ grant: 'another' })],
    ['that have ended', () => ({ exp: Math.floor(Date.now() / 1000) - 60 })],
    ['without a grant', () => ({ grant: undefined })],
  ])('%s are not', async (_, change) => {
    expect(await isGood(await forged(change()))).toBe(false);
  });

  it.each([
    ['an ID token', { typ: 'JWT' }],
    ['of another key', { kid: 'another' }],
  ])('that are %s are not', async (_, header) => {
    expect(await isGood(await forged({}, header))).toBe(false);
  });

  it('that are signed with something else are not', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(await isGood(await forged({}, {}, privateKey))).toBe(false);
    const published = await server.keys.published(ACME);
    const secret = new TextEncoder().encode(JSON.stringify(published.keys[0]));
    expect(await isGood(await forged({}, { alg: 'HS256' }, secret))).toBe(false);
    const [, payload] = (await forged({})).split('.');
    const none = base64url.encode(JSON.stringify({ alg: 'none', typ: 'at+jwt' }));
    expect(await isGood(`${none}.${payload}.AA`)).toBe(false);
  });

  it('are told by their form', async () => {
    const { tokens } = await person.signIn();
    expect(server.tokens.takes(tokens.access_token)).toBe(true);
    for (const other of ['', 'mcpc_key', 'a.b.c', tokens.refresh_token]) expect(server.tokens.takes(other)).toBe(false);
  });

  it('of a client of its own are good until the client is deleted', async () => {
    const admin = principalOf('admin', { tenantId: ACME, roles: ['admin'] });
    const draft = {
      tenantId: ACME,
      id: principalId('batch'),
      kind: 'service' as const,
      name: 'batch',
      roles: ['caller'],
    };
    await server.people.insert(draft, { action: 'principal.created', actor: SYSTEM });
    const made = await server.clients.create(admin, { name: 'Batch', principal_id: 'batch' });
    const authorization = `Basic ${Buffer.from(`${made.client_id}:${made.client_secret}`).toString('base64')}`;
    const { body } = await person.token({ grant_type: 'client_credentials' }, { authorization });
    const verified = await server.tokens.verify(body.access_token);
    expect(verified?.principal).toMatchObject({ id: 'batch', roles: ['caller'], scopes: ['mcp'] });
    await server.clients.remove(ACME, made.client_id, { kind: 'cli', id: 'cli' });
    expect(await isGood(body.access_token)).toBe(false);
    const after = await person.token({ grant_type: 'client_credentials' }, { authorization });
    expect(after.status).toBe(401);
  });
});

describe('a client that is known by its document', () => {
  const good = {
    client_id: DOCUMENT,
    client_name: 'Published App',
    redirect_uris: [REDIRECT],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };

  it('signs people in without having registered, and is shown with its host', async () => {
    documents.set(DOCUMENT, good);
    const client = person.appOf(DOCUMENT);
    const page = await person.consentPage(client);
    expect(page.text).toContain('It is published by <strong>app.example</strong>');
    const { code } = answerTo(await person.goOn(page));
    const { body } = await person.exchange(client, code!);
    expect(await isGood(body.access_token)).toBe(true);
    expect((await person.refresh(client, body)).status).toBe(200);
  });

  it.each([
    ['names another client', { client_id: 'https://app.example/other.json' }],
    ['wants its answers elsewhere', { redirect_uris: ['http://evil.example/'] }],
    ['holds a secret', { client_secret: 'x', token_endpoint_auth_method: 'client_secret_basic' }],
  ])('is refused if its document %s', async (_, wrong) => {
    const url = `https://app.example/${Math.random()}.json`;
    documents.set(url, { ...good, client_id: url, ...wrong });
    const answer = await person.browser.ask(person.appOf(url).url);
    expect(answer.status).toBe(400);
    expect(answer.next).toBeUndefined();
  });

  it('is not looked for at addresses that are not public', async () => {
    for (const url of [
      'https://169.254.169.254/client.json',
      'https://10.0.0.1/client.json',
      'http://app.example/c.json',
    ]) {
      expect((await person.browser.ask(person.appOf(url).url)).status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('the session of a browser', () => {
  const login = (query: string) => person.browser.follow(`${server.publicUrl}/auth/login?${query}`, isDone);
  const isDone = (url: string): boolean => new URL(url).pathname === '/docs' || isAtApp(url);
  const presented = (answer: { headers: Headers }): string =>
    answer.headers.getSetCookie().flatMap((line) => /^mcpc_session=([^;]*)/.exec(line)?.[1] ?? [])[0] ?? '';

  it('begins at the identity provider and ends for everybody who holds it', async () => {
    const answer = await login('tenant=acme&return_to=/docs');
    expect(answer.next).toBe(`${server.publicUrl}/docs`);
    const session = presented(answer);
    expect(server.sessionVerifier.takes(session)).toBe(true);
    const verified = await server.sessionVerifier.verify(session);
    expect(verified?.principal).toMatchObject({
      tenantId: ACME,
      roles: ['developer', 'caller'],
      credential: { kind: 'session' },
    });
    await person.browser.ask(`${server.publicUrl}/auth/logout`);
    expect(await server.sessionVerifier.verify(session)).toBeUndefined();
    expect(actions().at(-1)).toBe('session.ended');
  });

  it('is not ended by a link on somebody else’s page', async () => {
    const session = presented(await login('tenant=acme&return_to=/docs'));
    const url = `${server.publicUrl}/auth/logout`;
    for (const site of ['cross-site', 'same-site']) {
      const page = await person.browser.ask(url, undefined, { 'sec-fetch-site': site });
      expect(page.text).toContain('<form method="post" action="/auth/logout">');
      expect(page.headers.getSetCookie()).toEqual([]);
    }
    expect(await server.sessionVerifier.verify(session)).toBeDefined();
    await person.browser.ask(url, {}, { 'sec-fetch-site': 'same-origin' });
    expect(await server.sessionVerifier.verify(session)).toBeUndefined();
  });

  it.each([
    ...['https://evil.example/', '//evil.example/', '/\\evil.example/', 'docs', 'javascript:alert(1)'],
    // What resolves to a path that itself begins with two slashes.
    ...['/..//evil.example/', '/.//evil.example/', '/docs/..//evil.example/', '/%2e%2e//evil.example/'],
  ])('does not lead to %s', async (target) => {
    const answer = await person.browser.ask(
      `${server.publicUrl}/auth/login?tenant=acme&return_to=${encodeURIComponent(target)}`,
    );
    expect(answer.status).toBe(400);
    expect(answer.next).toBeUndefined();
  });

  it('is not there for a tenant that is not', async () => {
    expect((await person.browser.ask(`${server.publicUrl}/auth/login?tenant=globex`)).status).toBe(400);
  });
});
