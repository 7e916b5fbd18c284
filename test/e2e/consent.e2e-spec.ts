import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type BrowserAnswer, CookieBrowser } from '#pages/testing';
import { findChromium, openBrowser } from '../fixtures/chromium.js';
import { type IdentityProvider, startIdentityProvider } from '../fixtures/identity-provider.js';
import { KeyBrowser } from '../fixtures/key-browser.js';
import { pingMember } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { TenantClient, commandLine, hostedEnv } from '../fixtures/tenant-client.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';
import { freePorts } from '../support/free-ports.js';

const executable = findChromium();
const withBrowser = executable === undefined ? it.skip : it;

let database: TwoRoles;
let issuer: IdentityProvider;
let service: RestService;
let env: Record<string, string>;
let composer: ComposerProcess;
let url: string;
const keys: Record<string, string> = {};

/** The member tells whom it was called for. */
async function startWhoService(): Promise<RestService> {
  return startRestService({
    answer: async ({ headers }) => {
      const who = await issuer.whoIs(headers.authorization?.replace(/^Bearer /, '') ?? '');
      return who === undefined ? { status: 401, body: {} } : { body: { who } };
    },
  });
}

const authOf = (identity: string) => ({
  auth_strategy: 'oauth2',
  auth: {
    grant_type: 'authorization_code',
    issuer_url: issuer.issuer,
    client_id: issuer.client.client_id,
    client_secret: issuer.client.client_secret,
    scope: 'openid',
    identity,
  },
});

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  url = `http://127.0.0.1:${port}`;
  database = await openTwoRoles();
  [issuer, service] = [await startIdentityProvider(`${url}/connect/callback`), await startWhoService()];
  env = { ...hostedEnv(database.env), PORT: String(port), PUBLIC_URL: url, LOG_LEVEL: 'debug' };
  await commandLine(env, 'migrate');
  for (const tenant of ['acme', 'globex']) await commandLine(env, 'tenant', 'create', tenant);
  const people = { root: 'acme admin', ann: 'acme caller', bob: 'acme caller', mallory: 'globex admin' };
  for (const [name, of] of Object.entries(people)) {
    const [tenant = '', role = ''] = of.split(' ');
    keys[name] = (await commandLine(env, 'key', 'create', '--tenant', tenant, '--role', role, '--name', name)).key;
  }
  composer = await startComposer({ env });
  for (const who of ['root', 'mallory']) {
    const made = await client(who).api('POST', '/servers', pingMember('own', service.url, authOf('per_user')));
    expect([made.status, made.text]).toEqual([201, expect.any(String)]);
  }
  const shared = await client('root').api('POST', '/servers', pingMember('team', service.url, authOf('shared')));
  expect(shared.status).toBe(201);
}, 180_000);
afterAll(async () => {
  await Promise.all([composer?.stop(), issuer?.stop(), service?.stop()]);
  await database?.remove();
}, 60_000);
beforeEach(() => {
  issuer.refuses = false;
});

const client = (who: string) => new TenantClient({ url }, keys[who]!);
const browserOf = (who: string) => new KeyBrowser(url, keys[who]!);
const linkTo = (server: string, tenant = 'acme') => `${url}/connect/${server}?tenant=${tenant}`;
const call = (who: string, server: string) => client(who).call(`${server}_ping`);

describe('a member that a person has to connect', () => {
  it('is not called before, and the caller is told where to go', async () => {
    const before = service.calls().length;
    const text = await call('ann', 'own');
    expect(text).toContain(`${url}/connect/own?tenant=acme`);
    expect(service.calls()).toHaveLength(before);
  });

  it("is called for each person with what that person has given, and never with another one's", async () => {
    for (const [who, person] of [
      ['ann', 'ada'],
      ['bob', 'grace'],
    ] as const) {
      issuer.person = person;
      const page = await browserOf(who).connect(linkTo('own'));
      expect([page.status, page.text]).toEqual([200, expect.stringContaining('Go back to your client and try again')]);
    }
    const before = service.calls().length;
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => call(n % 2 === 0 ? 'ann' : 'bob', 'own')));
    expect(answers.map((text) => JSON.parse(text).who)).toEqual(answers.map((_, n) => (n % 2 === 0 ? 'ada' : 'grace')));
    expect(service.calls().length - before).toBe(20);
    expect(await call('root', 'own')).toContain('/connect/own');
    expect(await call('mallory', 'own')).toContain('/connect/own?tenant=globex');
  });

  it('whose account is shared is connected by an administrator, for everybody', async () => {
    const page = await browserOf('ann').open(linkTo('team'));
    expect([page.status, page.text]).toEqual([403, expect.stringContaining('only an administrator')]);
    issuer.person = 'the-team';
    expect((await browserOf('root').connect(linkTo('team'))).status).toBe(200);
    for (const who of ['ann', 'bob', 'root']) expect(JSON.parse(await call(who, 'team')).who).toBe('the-team');
  });

  it('says what the person has decided at the issuer', async () => {
    issuer.refuses = true;
    const page = await browserOf('root').connect(linkTo('own'));
    expect([page.status, page.text]).toEqual([400, expect.stringContaining('access_denied')]);
  });
});

describe('where a tenant has an identity provider', () => {
  it('a person signs in there, on the way to the page, and is who connects', async () => {
    const idp = await startIdentityProvider(`${url}/auth/callback`);
    try {
      const { client_id, client_secret } = idp.client;
      const settings = { issuer: idp.issuer, client_id, client_secret, default_roles: ['caller'], sign_in: {} };
      const trusted = await client('mallory').api('PUT', '/issuers/idp', settings);
      expect([trusted.status, trusted.text]).toEqual([200, expect.any(String)]);
      [idp.person, issuer.person] = ['eve', 'eve-there'];
      const eve = browserOf('mallory'); // the key is not asked for
      const page = await eve.browser.follow(linkTo('own', 'globex'));
      expect([page.status, page.text]).toEqual([200, expect.stringContaining('eve@example.com')]);
      const going = await eve.browser.submit(page, 'allow');
      const last = await eve.browser.follow(going.next!);
      expect([last.status, last.text]).toEqual([200, expect.stringContaining('is connected')]);
      expect(await call('mallory', 'own')).toContain('/connect/own?tenant=globex');
      const { items } = (await client('mallory').api('GET', '/audit?limit=50')).json;
      const told = items.filter(({ action }: { action: string }) => /^consent|^credential/.test(action));
      expect(told).toMatchObject([
        { action: 'credential.connected' },
        { action: 'consent.begun', target: 'server:own' },
      ]);
    } finally {
      await client('mallory').api('DELETE', '/issuers/idp');
      await idp.stop();
    }
  });
});

describe('the way back from the issuer', () => {
  const refused = async (what: Promise<BrowserAnswer>, before: number) => {
    const { status, text } = await what;
    expect([status, text]).toEqual([400, expect.stringContaining('Not connected')]);
    expect(issuer.tokenRequests()).toBe(before);
  };

  it('is finished by another process after kill -9 in between', async () => {
    issuer.person = 'lovelace';
    const ann = browserOf('ann');
    const back = await ann.agree(linkTo('own'));
    await composer.kill('SIGKILL');
    composer = await startComposer({ env });
    expect((await ann.browser.ask(back)).status).toBe(200);
    expect(JSON.parse(await call('ann', 'own')).who).toBe('lovelace');
  });

  it('counts once', async () => {
    const root = browserOf('root');
    const back = await root.agree(linkTo('own'));
    expect((await root.browser.ask(back)).status).toBe(200);
    await refused(root.browser.ask(back), issuer.tokenRequests());
  });

  it('leads nowhere in another browser, without a session, and for another person or tenant', async () => {
    for (const other of [new CookieBrowser(), ...(await Promise.all(['ann', 'bob', 'mallory'].map(signedIn)))]) {
      const ann = browserOf('ann');
      const back = await ann.agree(linkTo('own'));
      const before = issuer.tokenRequests();
      await refused(other.ask(back), before);
      await refused(ann.browser.ask(back), before); // it was used up
    }
  });

  it('leads nowhere without iss, with another one, or with one that only looks the same', async () => {
    const tries = [undefined, 'https://evil.example', `${issuer.issuer}/`, issuer.issuer.toUpperCase()];
    for (const iss of tries) {
      const ann = browserOf('ann');
      const back = new URL(await ann.agree(linkTo('own')));
      if (iss === undefined) back.searchParams.delete('iss');
      else back.searchParams.set('iss', iss);
      await refused(ann.browser.ask(back.href), issuer.tokenRequests());
      // An error is an answer too.
      const bob = browserOf('bob');
      const other = new URL(await bob.agree(linkTo('own')));
      other.searchParams.set('iss', iss ?? 'x');
      other.searchParams.delete('code');
      other.searchParams.set('error', 'access_denied');
      await refused(bob.browser.ask(other.href), issuer.tokenRequests());
    }
  });

  it('leads nowhere with a state that was never given, or was changed', async () => {
    const ann = browserOf('ann');
    const back = new URL(await ann.agree(linkTo('own')));
    const { searchParams } = back;
    const state = searchParams.get('state')!;
    for (const made of [randomBytes(32).toString('base64url'), `${state.slice(0, -2)}AA`, '']) {
      searchParams.set('state', made);
      await refused(ann.browser.ask(back.href), issuer.tokenRequests());
    }
  });

  async function signedIn(who: string): Promise<CookieBrowser> {
    const other = browserOf(who);
    expect((await other.open(linkTo('own', who === 'mallory' ? 'globex' : 'acme'))).status).toBe(200);
    return other.browser;
  }
});

describe('a person in a browser', () => {
  withBrowser(
    'shows a key, is told what is asked, agrees, and is told to go back; a stranger gets nothing from the address',
    async () => {
      issuer.person = 'hopper';
      const browser = await openBrowser(executable!);
      const stranger = await openBrowser(executable!);
      try {
        const page = await browser.context.newPage();
        const addresses: string[] = [];
        page.on('request', (request) => addresses.push(request.url()));
        await page.goto(linkTo('own'));
        await page.fill('input[name=key]', keys['bob']!);
        await page.click('button');
        await page.waitForURL(linkTo('own'));
        const text = (await page.textContent('main'))!;
        for (const told of ['bob', 'acme', 'own', new URL(issuer.issuer).host, 'openid']) expect(text).toContain(told);
        expect(addresses.some((address) => address.startsWith(issuer.issuer))).toBe(false);
        expect(await page.locator('script, img, iframe').count()).toBe(0);
        expect(addresses.join('\n')).not.toContain(keys['bob']!.slice(-20));

        // Somebody who was handed the address of the issuer ends up with nothing (the confused deputy).
        const atIssuer = (address: URL) => address.origin === issuer.issuer;
        await page.route(atIssuer, (route) => route.abort());
        const [asked] = await Promise.all([
          page.waitForRequest((request) => atIssuer(new URL(request.url()))),
          page.click('button[value=allow]'),
        ]);
        const elsewhere = await stranger.context.newPage();
        const before = issuer.tokenRequests();
        const answer = await elsewhere.goto(asked.url());
        expect([answer!.status(), new URL(elsewhere.url()).pathname]).toEqual([400, '/connect/callback']);
        expect(issuer.tokenRequests()).toBe(before);
        await page.unroute(atIssuer);

        await page.goto(linkTo('own'));
        await page.click('button[value=allow]');
        await page.waitForURL(/\/connect\/callback\?/);
        expect(await page.textContent('main')).toContain('Go back to your client and try again');
        expect(JSON.parse(await call('bob', 'own')).who).toBe('hopper');
      } finally {
        await Promise.all([browser.close(), stranger.close()]);
      }
    },
    120_000,
  );

  it('leaves no key, code, state or token in the log', () => {
    const log = composer.stderr() + composer.stdout();
    for (const key of Object.values(keys)) expect(log).not.toContain(key.slice(-20));
    expect(log).not.toMatch(/[?&](code|state)=/);
    for (const { headers } of service.calls()) {
      const token = headers.authorization?.slice(7);
      if (token) expect(log).not.toContain(token);
    }
  });
});
