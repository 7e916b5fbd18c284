import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { findChromium, openBrowser } from '../fixtures/chromium.js';
import { describeConsent, expectRefused } from '../fixtures/consent-scenario.js';
import { ConsentStage } from '../fixtures/consent-stage.js';
import { startIdentityProvider } from '../fixtures/identity-provider.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';

const executable = findChromium();
const withBrowser = executable === undefined ? it.skip : it;

let database: TwoRoles;
const stage = new ConsentStage();

beforeAll(async () => {
  database = await openTwoRoles();
  await stage.open(database.env);
}, 180_000);
afterAll(async () => {
  await stage.close();
  await database?.remove();
}, 60_000);
beforeEach(() => {
  stage.issuer.refuses = false;
});

describeConsent(stage);

describe('a member that a person has to connect, further', () => {
  it('whose account is shared is connected by an administrator, for everybody', async () => {
    const page = await stage.browserOf('ann').open(stage.linkTo('team'));
    expect([page.status, page.text]).toEqual([403, expect.stringContaining('only an administrator')]);
    stage.issuer.person = 'the-team';
    expect((await stage.browserOf('root').connect(stage.linkTo('team'))).status).toBe(200);
    for (const who of ['ann', 'bob', 'root'] as const)
      expect(JSON.parse(await stage.call(who, 'team')).who).toBe('the-team');
  });

  it('asks for a wider scope, and not a second time for the same', async () => {
    stage.issuer.person = 'the-team';
    const root = stage.browserOf('root');
    expect((await root.connect(stage.linkTo('team'))).status).toBe(200);
    stage.wantsMore = true;
    const asked = await stage.call('bob', 'team');
    stage.wantsMore = false;
    const link = new RegExp(`${stage.url}/connect/team\\?tenant=acme&more=[\\w.-]+`).exec(asked)?.[0];
    expect([asked, link]).toEqual([expect.stringContaining('wants more of your consent'), expect.any(String)]);
    const page = await root.open(link!);
    expect([page.status, page.text]).toEqual([200, expect.stringMatching(/openid[^<]*email/)]);
    expect((await stage.browserOf('mallory').open(link!.replace('acme', 'globex'))).status).toBe(404);
    expect((await stage.browserOf('root').open(`${link!.slice(0, -2)}AA`)).status).toBe(400);
    expect((await stage.browserOf('root').connect(link!)).status).toBe(200);
    expect(JSON.parse(await stage.call('bob', 'team')).who).toBe('the-team');
    stage.wantsMore = true;
    expect(await stage.call('bob', 'team')).not.toContain('/connect/');
    stage.wantsMore = false;
  });

  it('says what the person has decided at the issuer', async () => {
    stage.issuer.refuses = true;
    const page = await stage.browserOf('root').connect(stage.linkTo('own'));
    expect([page.status, page.text]).toEqual([400, expect.stringContaining('access_denied')]);
  });
});

describe('where a tenant has an identity provider', () => {
  it('a person signs in there, on the way to the page, and is who connects', async () => {
    const idp = await startIdentityProvider(`${stage.url}/auth/callback`);
    try {
      const { client_id, client_secret } = idp.client;
      const settings = { issuer: idp.issuer, client_id, client_secret, default_roles: ['caller'], sign_in: {} };
      const trusted = await stage.client('mallory').api('PUT', '/issuers/idp', settings);
      expect([trusted.status, trusted.text]).toEqual([200, expect.any(String)]);
      [idp.person, stage.issuer.person] = ['eve', 'eve-there'];
      const eve = stage.browserOf('mallory'); // the key is not asked for
      const page = await eve.browser.follow(stage.linkTo('own', 'globex'));
      expect([page.status, page.text]).toEqual([200, expect.stringContaining('eve@example.com')]);
      const going = await eve.browser.submit(page, 'allow');
      const last = await eve.browser.follow(going.next!);
      expect([last.status, last.text]).toEqual([200, expect.stringContaining('is connected')]);
      expect(await stage.call('mallory', 'own')).toContain('/connect/own?tenant=globex');
      const { items } = (await stage.client('mallory').api('GET', '/audit?limit=50')).json;
      const told = items.filter(({ action }: { action: string }) => /^consent|^credential/.test(action));
      expect(told).toMatchObject([
        { action: 'credential.connected' },
        { action: 'consent.begun', target: 'server:own' },
      ]);
    } finally {
      await stage.client('mallory').api('DELETE', '/issuers/idp');
      await idp.stop();
    }
  });
});

describe('the way back from the issuer, with what was never given', () => {
  it('leads nowhere without iss, with another one, or with one that only looks the same', async () => {
    const tries = [undefined, 'https://evil.example', `${stage.issuer.issuer}/`, stage.issuer.issuer.toUpperCase()];
    for (const iss of tries) {
      const ann = stage.browserOf('ann');
      const back = new URL(await ann.agree(stage.linkTo('own')));
      if (iss === undefined) back.searchParams.delete('iss');
      else back.searchParams.set('iss', iss);
      await expectRefused(stage, ann.browser.ask(back.href), stage.issuer.tokenRequests());
      // An error is an answer too.
      const bob = stage.browserOf('bob');
      const other = new URL(await bob.agree(stage.linkTo('own')));
      other.searchParams.set('iss', iss ?? 'x');
      other.searchParams.delete('code');
      other.searchParams.set('error', 'access_denied');
      await expectRefused(stage, bob.browser.ask(other.href), stage.issuer.tokenRequests());
    }
  });

  it('leads nowhere with a state that was never given, or was changed', async () => {
    const ann = stage.browserOf('ann');
    const back = new URL(await ann.agree(stage.linkTo('own')));
    const { searchParams } = back;
    const state = searchParams.get('state')!;
    for (const made of [randomBytes(32).toString('base64url'), `${state.slice(0, -2)}AA`, '']) {
      searchParams.set('state', made);
      await expectRefused(stage, ann.browser.ask(back.href), stage.issuer.tokenRequests());
    }
  });
});

describe('a person in a browser', () => {
  withBrowser(
    'shows a key, is told what is asked, agrees, and is told to go back; a stranger gets nothing from the address',
    async () => {
      stage.issuer.person = 'hopper';
      const browser = await openBrowser(executable!);
      const stranger = await openBrowser(executable!);
      try {
        const page = await browser.context.newPage();
        const addresses: string[] = [];
        page.on('request', (request) => addresses.push(request.url()));
        await page.goto(stage.linkTo('own'));
        await page.fill('input[name=key]', stage.keys.bob);
        await page.click('button');
        await page.waitForURL(stage.linkTo('own'));
        const text = (await page.textContent('main'))!;
        for (const told of ['bob', 'acme', 'own', new URL(stage.issuer.issuer).host, 'openid'])
          expect(text).toContain(told);
        expect(addresses.some((address) => address.startsWith(stage.issuer.issuer))).toBe(false);
        expect(await page.locator('script, img, iframe').count()).toBe(0);
        expect(addresses.join('\n')).not.toContain(stage.keys.bob.slice(-20));

        // Somebody who was handed the address of the issuer ends up with nothing (the confused deputy).
        const atIssuer = (address: URL) => address.origin === stage.issuer.issuer;
        await page.route(atIssuer, (route) => route.abort());
        const [asked] = await Promise.all([
          page.waitForRequest((request) => atIssuer(new URL(request.url()))),
          page.click('button[value=allow]'),
        ]);
        const elsewhere = await stranger.context.newPage();
        const before = stage.issuer.tokenRequests();
        const answer = await elsewhere.goto(asked.url());
        expect([answer!.status(), new URL(elsewhere.url()).pathname]).toEqual([400, '/connect/callback']);
        expect(stage.issuer.tokenRequests()).toBe(before);
        await page.unroute(atIssuer);

        await page.goto(stage.linkTo('own'));
        await page.click('button[value=allow]');
        await page.waitForURL(/\/connect\/callback\?/);
        expect(await page.textContent('main')).toContain('Go back to your client and try again');
        expect(JSON.parse(await stage.call('bob', 'own')).who).toBe('hopper');
      } finally {
        await Promise.all([browser.close(), stranger.close()]);
      }
    },
    120_000,
  );

  it('leaves no key, code, state or token in the log', () => {
    const log = stage.composer.stderr() + stage.composer.stdout();
    for (const key of Object.values(stage.keys)) expect(log).not.toContain(key.slice(-20));
    expect(log).not.toMatch(/[?&](code|state)=/);
    for (const { headers } of stage.service.calls()) {
      const token = headers.authorization?.slice(7);
      if (token) expect(log).not.toContain(token);
    }
  });
});
