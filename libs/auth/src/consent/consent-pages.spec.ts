import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { principalId, serverId } from '#kernel';
import { type BrowserAnswer, CookieBrowser } from '#pages/testing';
import { ACME, GLOBEX, type OpenConsentPages, openConsentPages } from '../../testing/open-consent-pages.js';

const ANN = { 'x-visitor': 'ann' };
let pages: OpenConsentPages;
let browser: CookieBrowser;

beforeAll(async () => {
  pages = await openConsentPages();
});
afterAll(() => pages?.close());
beforeEach(() => {
  browser = new CookieBrowser();
  pages.flow.exchanges.length = 0;
  pages.events.length = 0;
  for (const tenant of [ACME, GLOBEX]) pages.member(tenant, 'crm');
  pages.member(ACME, 'shared', { identity: 'shared' });
  pages.member(ACME, 'plain', { grant: 'none' });
  pages.member(ACME, 'callback');
});

const open = (path = '/connect/crm', who: Record<string, string> = ANN, at = browser): Promise<BrowserAnswer> =>
  at.ask(pages.url + path, undefined, who);
const send = (page: BrowserAnswer, form: Record<string, string>, who: Record<string, string> = ANN) => {
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  return browser.ask(page.url, { csrf, ...form }, who);
};
/** Agrees, and gives what the issuer is told. */
async function agree(path?: string, who?: Record<string, string>): Promise<URLSearchParams> {
  const answer = await send(await open(path, who), { decision: 'allow' }, who);
  return new URL(answer.next!).searchParams;
}
const back = (params: Record<string, string>, who: Record<string, string> = ANN, at = browser) =>
  at.ask(`${pages.url}/connect/callback?${new URLSearchParams(params).toString()}`, undefined, who);
const good = (state: string) => ({ state, code: 'the-code', iss: 'https://issuer.example' });
const actions = () => pages.events.map(({ action, outcome = 'done' }) => `${action} ${outcome}`);

describe('the page that asks', () => {
  it('comes first, says who asks whom for what, and sets nothing but its own cookie', async () => {
    const page = await open();
    expect(page.status).toBe(200);
    const told = [
      'MCP Composer',
      'ann@example.com',
      'ACME (acme)',
      'The crm',
      'crm.example',
      'issuer.example',
      'read write',
    ];
    for (const text of [...told, new URL(pages.url).host]) expect(page.text).toContain(text);
    expect(page.headers.getSetCookie().map((line) => line.split('=')[0])).toEqual(['mcpc_form']);
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(Object.fromEntries(page.headers)).toMatchObject({ 'cache-control': 'no-store', 'x-frame-options': 'DENY' });
    expect(actions()).toEqual([]);
  });

  it('runs nothing that a member or a person is called', async () => {
    pages.member(ACME, 'crm', { scope: '<script>alert(1)</script>' });
    expect((await open()).text).not.toContain('<script>');
  });

  it('asks for more where the member has asked this person for it, and by no link of another', async () => {
    const of = { tenantId: ACME, serverId: serverId('crm'), principalId: principalId('ann') };
    const link = `/connect/crm?more=${pages.wishes.seal({ ...of, scope: 'admin' })}`;
    expect((await open(link)).text).toContain('read write admin');
    await agree(link);
    expect((await open()).text).not.toContain('admin');
    expect((await open(link, { 'x-visitor': 'bob' })).status).toBe(400);
    expect((await open(`${link}x`)).status).toBe(400);
  });

  it('sends whoever is not signed in to sign in, and back', async () => {
    const answer = await open('/connect/crm?tenant=acme&tool=x', {});
    expect(answer.status).toBe(303);
    const login = new URL(answer.next!);
    expect([login.pathname, Object.fromEntries(login.searchParams)]).toEqual([
      '/auth/login',
      { tenant: 'acme', return_to: '/connect/crm?tenant=acme&tool=x' },
    ]);
  });

  it('asks nobody of another tenant in place of the one that the link names', async () => {
    const answer = await open('/connect/crm?tenant=globex');
    expect(answer.status).toBe(403);
    expect(answer.text).toContain('/auth/login?tenant=globex&amp;return_to=');
  });

  it('looks alike for a server that is not there and for one of another tenant', async () => {
    pages.member(GLOBEX, 'only-globex');
    const [foreign, unknown] = [await open('/connect/only-globex'), await open('/connect/nowhere')];
    expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
  });

  it.each([
    ['a server that needs no person', '/connect/plain', ANN, 422],
    ['a shared account, for who manages nothing', '/connect/shared', ANN, 403],
    [
      'a shared account, for a credential that is not for managing',
      '/connect/shared',
      { 'x-visitor': 'root acme admin mcp' },
      403,
    ],
  ])('does not ask for %s', async (_, path, who, status) => {
    const answer = await open(path, who);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('<form');
  });

  it('asks an administrator for a shared account, and says whose it will be', async () => {
    const page = await open('/connect/shared', { 'x-visitor': 'root acme admin' });
    expect(page.text).toContain('Everybody who may use this server');
  });

  it('is there for a server that is called like the callback', async () => {
    expect((await open('/connect/callback')).text).toContain('The callback');
  });

  it.each([
    '/connect/',
    '/connect/crm/',
    '/connect/crm/x',
    '/connect/%63rm',
    '/connect/.crm',
    '//connect/crm',
    '/Connect/crm',
  ])('is not at %s', async (path) => expect((await open(path)).status).toBe(404));

  it('takes GET and POST', async () => {
    expect((await fetch(`${pages.url}/connect/crm`, { method: 'DELETE' })).status).toBe(405);
  });
});

describe('what the person decides', () => {
  it('sends the browser to the issuer by a navigation of its own, with a cookie for the way back', async () => {
    const answer = await send(await open(), { decision: 'allow' });
    expect(answer.status).toBe(200);
    const next = new URL(answer.next!);
    expect(next.origin + next.pathname).toBe('https://issuer.example/authorize');
    expect(next.searchParams.get('redirect_uri')).toBe(`${pages.url}/connect/callback`);
    expect(answer.headers.getSetCookie().join()).toMatch(
      /mcpc_connect_[\w-]{12}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax/,
    );
    expect(pages.events).toMatchObject([
      {
        action: 'consent.begun',
        tenantId: ACME,
        target: 'server:crm',
        actor: { id: 'ann' },
        detail: { issuer: 'https://issuer.example' },
      },
    ]);
  });

  it('is told to nobody if it is no', async () => {
    const answer = await send(await open(), { decision: 'refuse' });
    expect([answer.status, answer.next]).toEqual([200, undefined]);
    expect(actions()).toEqual(['consent.refused refused']);
  });

  it('counts only with the form of this page, in this browser, from here, by this person', async () => {
    const page = await open();
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)![1]!;
    const form = { csrf, decision: 'allow' };
    const other = new CookieBrowser();
    await open('/connect/crm', ANN, other);
    pages.member(ACME, 'erp');
    const tries = [
      await browser.ask(page.url, { decision: 'allow' }, ANN),
      await browser.ask(page.url, { csrf, decision: 'perhaps' }, ANN),
      await other.ask(page.url, form, ANN),
      await new CookieBrowser().ask(page.url, form, ANN),
      await browser.ask(page.url, form, { ...ANN, origin: 'https://evil.example' }),
      await browser.ask(page.url, form, { ...ANN, 'sec-fetch-site': 'cross-site' }),
      await browser.ask(page.url, form, { 'x-visitor': 'bob' }),
      await browser.ask(page.url, form, { 'x-visitor': 'ann globex' }),
      await browser.ask(`${pages.url}/connect/erp`, form, ANN),
      await browser.ask(page.url, { ...form, padding: 'x'.repeat(9_000) }, ANN),
    ];
    expect(tries.map(({ status, next }) => [status, next])).toEqual(tries.map(() => [400, undefined]));
    expect(actions()).toEqual([]);
    expect((await browser.ask(page.url, form, ANN)).next).toBeDefined();
  });

  it('counts only for what was shown', async () => {
    const page = await open();
    pages.member(ACME, 'crm', { scope: 'read write delete' });
    expect((await send(page, { decision: 'allow' })).status).toBe(400);
    const second = await open();
    pages.member(ACME, 'crm', { ask: 'https://other.example/authorize' });
    expect((await send(second, { decision: 'allow' })).status).toBe(400);
  });

  it.each(['javascript:alert(1)', 'data:text/html,x', 'ms-word:x'])('sends nobody to %s', async (ask) => {
    pages.member(ACME, 'crm', { ask });
    const answer = await send(await open(), { decision: 'allow' });
    expect([answer.status, answer.next]).toEqual([400, undefined]);
  });
});

describe('the way back', () => {
  it('connects the member for who has begun, and says what to do next', async () => {
    const state = (await agree()).get('state')!;
    const answer = await back(good(state));
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Go back to your client and try again');
    expect(pages.flow.exchanges).toMatchObject([
      {
        code: 'the-code',
        use: { member: { tenantId: ACME, serverId: 'crm' }, principalId: 'ann' },
        verifier: 'v'.repeat(43),
      },
    ]);
    expect(answer.headers.getSetCookie().join()).toMatch(/mcpc_connect_[\w-]+=; Path=\/; Max-Age=0/);
  });

  it('is found by another process that remembers nothing', async () => {
    const state = (await agree()).get('state')!;
    pages.restart();
    expect((await back(good(state))).status).toBe(200);
  });

  it('goes to the tool that has a credential for itself', async () => {
    pages.member(ACME, 'crm', {}, 'find');
    const state = (await agree('/connect/crm?tool=find')).get('state')!;
    await back(good(state));
    expect(pages.flow.exchanges[0]?.use.tool).toBe('find');
  });

  it('keeps several consents of one browser apart', async () => {
    const states = [(await agree()).get('state')!, (await agree('/connect/callback')).get('state')!];
    for (const state of states) expect((await back(good(state))).status).toBe(200);
    expect(pages.flow.exchanges.map(({ use }) => use.member.serverId)).toEqual(['crm', 'callback']);
  });

  it.each<[string, (state: string) => Promise<BrowserAnswer>]>([
    ['of another browser', (state) => back(good(state), ANN, new CookieBrowser())],
    ['of another person', (state) => back(good(state), { 'x-visitor': 'bob' })],
    ['of another tenant', (state) => back(good(state), { 'x-visitor': 'ann globex' })],
    ['of nobody', (state) => back(good(state), {})],
  ])('leads nowhere in the hands %s, also for its owner afterwards', async (_, take) => {
    const state = (await agree()).get('state')!;
    expect((await take(state)).status).toBe(400);
    expect((await back(good(state))).status).toBe(400);
    expect(pages.flow.exchanges).toEqual([]);
  });

  it('counts once', async () => {
    const state = (await agree()).get('state')!;
    const answers = await Promise.all(Array.from({ length: 8 }, () => back(good(state))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 7 }, () => 400)]);
    expect(pages.flow.exchanges).toHaveLength(1);
  });

  it('counts only with a state of ours, and with nothing said twice', async () => {
    const state = (await agree()).get('state')!;
    const twice = `${pages.url}/connect/callback?state=${state}&code=a&code=b&iss=x`;
    expect((await browser.ask(twice, undefined, ANN)).status).toBe(400);
    for (const wrong of ['', 'x', `${state}A`]) expect((await back(good(wrong))).status).toBe(400);
    expect(pages.flow.exchanges).toEqual([]);
    expect((await back(good(state))).status).toBe(200);
  });

  it('says what the issuer has answered in place of a code', async () => {
    const state = (await agree()).get('state')!;
    const { code: _, ...answer } = good(state);
    const page = await back({ ...answer, error: 'access_denied', error_description: '<b>no</b>' });
    expect(page.status).toBe(400);
    expect(page.text).toContain('access_denied');
    expect(page.text).not.toContain('<b>no</b>');
    expect(actions()).toEqual(['consent.begun done', 'consent.refused failed']);
  });

  it('is refused if the member was changed meanwhile, is gone, or is not for this person any more', async () => {
    const state = (await agree()).get('state')!;
    pages.member(ACME, 'crm', { ask: 'https://other.example/authorize' });
    expect((await back(good(state))).status).toBe(400);
    const root = { 'x-visitor': 'root acme admin' };
    const second = (await agree('/connect/shared', root)).get('state')!;
    expect((await back(good(second), { 'x-visitor': 'root acme caller' })).status).toBe(403);
    expect(pages.flow.exchanges).toEqual([]);
  });

  it('leaves no code, state or cookie in the log', async () => {
    const state = (await agree()).get('state')!;
    await back(good(state));
    expect(pages.lines.join('\n')).not.toMatch(/the-code|mcpc_connect/);
    expect(pages.lines.join('\n')).not.toContain(state);
  });
});
