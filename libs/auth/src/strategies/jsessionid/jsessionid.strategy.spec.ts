import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import { type OriginServer, originServer } from '#egress/testing';
import { serverId, tenantId } from '#kernel';
import { openTokenKeeper } from '#token-store/testing';
import {
  type IssuerAnswer,
  type IssuerRequest,
  type StrategyParts,
  describeRenewingStrategy,
  openStrategyParts,
} from '#auth/testing';
import { JsessionidStrategy } from './jsessionid.strategy.js';

const open = ({ keeper, http, issued, keys, clock }: StrategyParts) =>
  new JsessionidStrategy(keeper, http, issued, keys, clock);
const HTML = { 'content-type': 'text/html; charset=utf-8' };
const FORM_PAGE = '<form method=post><input name="username"><input type=password  name=\'password\'></form>';
const login = { username: 'Ann', password: 'pass&wörd' };

describeRenewingStrategy({
  strategy: open,
  good: (issuer) => [{ login_url: `${issuer}/login`, ...login }],
  edited: (issuer) => ({ login_url: `${issuer}/login`, ...login, password: 'another' }),
  bad: [
    {},
    login,
    { ...login, login_url: 'login' },
    { ...login, login_url: '//other.example/login' },
    { ...login, login_url: '/\\other.example/login' },
    { ...login, login_url: '/a b' },
    { ...login, login_url: 'javascript:alert(1)' },
    { ...login, login_url: 'https://u:p@app.example/login' },
    { login_url: '/login', username: '', password: 'p' },
    { login_url: '/login', username: 'Ann' },
    { ...login, login_url: '/login', csrf_header: 'X-Csrf' },
    { ...login, login_url: '/login', csrf_cookie: 'mine' },
    { ...login, login_url: '/login', csrf_cookie: 'a b', csrf_header: 'X-Csrf' },
    { ...login, login_url: '/login', csrf_cookie: 'mine', csrf_header: 'Host' },
  ],
  issuer: (_, count) => ({ headers: { 'set-cookie': `JSESSIONID=session-${count}; Path=/` } }),
  carried: (count) => ({ cookies: { JSESSIONID: `session-${count}` } }),
});

describe('jsessionid', () => {
  let parts: StrategyParts;
  let strategy: JsessionidStrategy;
  let other: OriginServer;
  let otherPaths: string[];
  let answers: ((request: IssuerRequest) => IssuerAnswer)[];

  beforeEach(async () => {
    answers = [];
    otherPaths = [];
    parts = await openStrategyParts((request) => answers.shift()?.(request) ?? { status: 500 });
    strategy = open(parts);
    other = await originServer((request, response) => {
      otherPaths.push(`${request.method} ${request.url} ${request.headers.cookie ?? '-'}`);
      response.end('elsewhere');
    });
  });
  afterEach(() => Promise.all([parts.close(), other.close()]));

  const cookie = (...fields: string[]) => ({ 'set-cookie': fields });
  const session = cookie('JSESSIONID=secret-session; Path=/; HttpOnly');
  const answer = (...given: IssuerAnswer[]) => answers.push(...given.map((one) => () => one));
  const placed = (settings: object = {}) => ({
    use: {
      member: { tenantId: tenantId('acme'), serverId: serverId('crm') },
      endpoint: new URL(`${parts.issuer.url}/api`),
    },
    read: strategy.settings.parse({ login_url: '/login?realm=x', ...login, ...settings }),
  });
  const authorize = (settings: object = {}) => {
    const { use, read } = placed(settings);
    return strategy.authorize(use, read);
  };
  const asked = () => parts.asked.map(({ method, path, headers }) => `${method} ${path} ${headers['cookie'] ?? '-'}`);

  it('sends the form, byte for byte', async () => {
    answer({ headers: session });
    await authorize({ username_field: 'j_username', password_field: 'j_password' });
    const body = 'j_username=Ann&j_password=pass%26w%C3%B6rd';
    expect(parts.asked).toEqual([
      {
        method: 'POST',
        path: '/login?realm=x',
        headers: {
          accept: 'text/html,application/json;q=0.9,*/*;q=0.8',
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': String(body.length),
        },
        body,
      },
    ]);
  });

  it('follows the redirects of the login with its cookies, and without the form', async () => {
    answer(
      { status: 302, headers: { location: '/landing', ...cookie('route=a; Path=/', 'JSESSIONID=first; Path=/') } },
      { status: 303, headers: { location: 'home', ...cookie('JSESSIONID=second; Path=/', 'deep=1; Path=/api/deep') } },
      { headers: HTML, body: '<h1>Welcome</h1>' },
    );
    const { forRequest } = await authorize();
    expect(asked()).toEqual([
      'POST /login?realm=x -',
      'GET /landing route=a; JSESSIONID=first',
      'GET /home route=a; JSESSIONID=second',
    ]);
    expect(parts.asked[1]).toMatchObject({ body: '', headers: { accept: expect.any(String) } });
    expect(forRequest!({ method: 'GET', path: '/api/deep/x?y=1' })).toEqual({
      cookies: { deep: '1', route: 'a', JSESSIONID: 'second' },
      headers: {},
    });
    expect(forRequest!({ method: 'GET', path: '/' }).cookies).toEqual({ route: 'a', JSESSIONID: 'second' });
  });

  it('repeats the form where a redirect says so, on the own origin', async () => {
    answer({ status: 307, headers: { location: '/sso' } }, { headers: session });
    await authorize();
    expect(parts.asked.map(({ method, path, body }) => `${method} ${path} ${body}`)).toEqual([
      'POST /login?realm=x username=Ann&password=pass%26w%C3%B6rd',
      'POST /sso username=Ann&password=pass%26w%C3%B6rd',
    ]);
  });

  it('sends the password to no other origin', async () => {
    answer({ status: 307, headers: { location: `${other.url}/steal`, ...session } });
    await expect(authorize()).rejects.toMatchObject({ reason: 'redirect_to_other_origin' });
    expect(otherPaths).toEqual([]);
  });

  it('goes to another origin without the form, and is judged there', async () => {
    answer({ status: 302, headers: { location: `${other.url}/welcome`, ...session } });
    await authorize();
    expect(otherPaths).toEqual(['GET /welcome JSESSIONID=secret-session']); // cookies know no ports
    answer({ status: 302, headers: { location: 'http://169.254.169.254/', ...session } });
    await expect(authorize({ username: 'Bob' })).rejects.toMatchObject({ reason: 'address_denied' });
  });

  it('follows three redirects and no more', async () => {
    answer(...Array.from({ length: 5 }, () => ({ status: 302, headers: { location: '/next', ...session } })));
    await expect(authorize()).rejects.toMatchObject({ reason: 'too_many_redirects' });
    expect(parts.asked).toHaveLength(4);
  });

  it.each<[string, IssuerAnswer[], string]>([
    ['is the form again', [{ headers: { ...HTML, ...session }, body: FORM_PAGE }], 'login_refused'],
    [
      'leads back to the login',
      [
        { status: 302, headers: { location: '/login;jsessionid=1?error', ...session } },
        { headers: HTML, body: 'try again' },
      ],
      'login_refused',
    ],
    ['sets no cookie', [{ body: 'welcome' }], 'no_session_cookie'],
    ['sets an empty cookie', [{ headers: cookie('JSESSIONID=; Path=/') }], 'no_session_cookie'],
    ['sets a cookie of nobody’s', [{ headers: cookie('a=1; Domain=other.example') }], 'no_session_cookie'],
    ['is 403', [{ status: 403, headers: session }], 'http_403'],
  ])('takes a login that %s as refused', async (_, given, reason) => {
    answer(...given);
    await expect(authorize()).rejects.toMatchObject({ code: 'COMPOSER_CLIENT_REFUSED', reason });
  });

  it.each([
    ['of another field', '<input type="password" name="new_password">'],
    ['with no form', '<h1>Welcome</h1> name="password"'],
  ])('takes a page %s as a success', async (_, body) => {
    answer({ headers: { ...HTML, ...session }, body });
    expect((await authorize()).generation).toBe(1);
  });

  it('logs in once more with the CSRF token that came with the refusal', async () => {
    answer({ status: 403, headers: cookie('XSRF-TOKEN=a%2Fb; Path=/') }, { headers: session });
    await authorize();
    expect(parts.asked.map(({ headers }) => headers['x-xsrf-token'])).toEqual([undefined, 'a/b']);
    answer({ status: 403, headers: cookie('XSRF-TOKEN=a; Path=/') }, { status: 403 });
    await expect(authorize({ username: 'Bob' })).rejects.toMatchObject({ reason: 'http_403' });
    expect(parts.asked).toHaveLength(4);
  });

  it.each<[string, object, object]>([
    ['XSRF-TOKEN=a%2Fb', {}, { 'x-xsrf-token': 'a/b' }],
    ['CSRF-TOKEN=t', {}, { 'x-csrf-token': 't' }],
    ['csrftoken=t', {}, { 'x-csrftoken': 't' }],
    ['XSRF-TOKEN=%zz', {}, { 'x-xsrf-token': '%zz' }],
    ['XSRF-TOKEN=a%0d%0ab', {}, {}],
    ['mine=t', { csrf_cookie: 'mine', csrf_header: 'X-Mine' }, { 'x-mine': 't' }],
    ['XSRF-TOKEN=t', { csrf_cookie: 'XSRF-TOKEN', csrf_header: 'X-Other' }, { 'x-other': 't' }],
    ['XSRF-TOKEN=t', { csrf_cookie: 'csrftoken' }, {}],
  ])('with the cookie %s and %j shows %j', async (field, settings, headers) => {
    answer({ headers: cookie('JSESSIONID=s; Path=/', `${field}; Path=/`) });
    const { forRequest } = await authorize(settings);
    expect(forRequest!({ method: 'POST', path: '/api' }).headers).toEqual(headers);
  });

  it('goes on with the cookies that the answers of the member bring', async () => {
    answer({ headers: cookie('JSESSIONID=secret-one; Path=/', 'XSRF-TOKEN=token-one; Path=/') });
    const { forRequest, onSetCookie } = await authorize();
    onSetCookie!(['XSRF-TOKEN=token-two; Path=/', 'a=1; Domain=other.example', 'rolled=1'], '/api/x/y');
    const carried = (path: string) => forRequest!({ method: 'GET', path });
    expect(carried('/api/x/z')).toEqual({
      cookies: { rolled: '1', JSESSIONID: 'secret-one', 'XSRF-TOKEN': 'token-two' },
      headers: { 'x-xsrf-token': 'token-two' },
    });
    expect(parts.secrets.mask('secret-one token-one token-two')).toBe('[secret] token-one [secret]');
    // Whoever asks anew, after a change that was told for instance, goes on with the same session.
    const again = (await authorize()).forRequest!({ method: 'GET', path: '/api/x/z' });
    expect(again.cookies).toEqual(carried('/api/x/z').cookies);
    onSetCookie!(['JSESSIONID=; Path=/; Max-Age=0'], '/logout');
    expect(carried('/').cookies).toEqual({ 'XSRF-TOKEN': 'token-two' });
  });

  it('has a session as long as one of its cookies lives, and logs in again then', async () => {
    answer({ headers: cookie('JSESSIONID=a; Path=/; Max-Age=600', 'b=1; Path=/; Max-Age=60') });
    expect((await authorize()).expiresAt).toBe(parts.clock.now() + 600_000);
    parts.clock.time += 600_000;
    answer({ headers: cookie('JSESSIONID=b; Path=/; Max-Age=300') });
    expect((await authorize()).expiresAt).toBe(parts.clock.now() + 300_000);
    expect(parts.asked).toHaveLength(2);
  });

  it('has a session without an end where a cookie has none', async () => {
    answer({ headers: cookie('JSESSIONID=a; Path=/', 'b=1; Path=/; Max-Age=60') });
    expect(await authorize()).not.toHaveProperty('expiresAt');
  });

  it('goes on with the session of another process', async () => {
    answer({ headers: session });
    await authorize();
    const { clock } = parts;
    const { use, read } = placed();
    const patch = await open(parts).authorize(use, read);
    expect(patch.forRequest!({ method: 'GET', path: '/' }).cookies).toEqual({ JSESSIONID: 'secret-session' });
    expect(parts.asked).toHaveLength(1);
    const fresh = open({ ...parts, keeper: openTokenKeeper(clock) });
    await expect(fresh.authorize(use, read)).rejects.toMatchObject({ reason: 'http_500' });
  });

  it.each<[boolean, number, string, string | undefined]>([
    [true, 401, 'application/json', undefined],
    [true, 403, 'text/html;charset=utf-8', undefined],
    [false, 403, 'application/json', undefined],
    [true, 302, '', '/login'],
    [true, 302, '', '/login;jsessionid=1?x'],
    [true, 301, '', 'https://app.example/login?next=%2Fapi'],
    [true, 307, '', 'https://sso.example/?back=https://app.example/login'],
    [false, 302, '', '/elsewhere'],
    [false, 302, '', 'https://sso.example/?back=/login'],
    [false, 200, 'text/html', undefined],
    [false, 302, '', undefined],
    [false, 302, '', 'http://%'],
    [true, 302, '', '/account/sign-in?next=%2Fapi'],
    [true, 303, '', 'https://id.example/realms/x/protocol/openid-connect/auth?client_id=app'],
    [true, 302, '', 'https://id.example/saml2/idp'],
    [false, 302, '', '/catalog/blogin'],
    [false, 307, '', 'https://files.example/downloads/7?login=no'],
  ])('says %s to the question whether %d %s %s ends the session', (expected, status, contentType, location) => {
    const { read } = placed({ login_url: 'https://app.example/login' });
    const sign = { status, contentType, ...(location === undefined ? {} : { location }) };
    expect(strategy.refuses(sign, read)).toBe(expected);
  });

  it.each<[boolean, string]>([
    [true, FORM_PAGE],
    [true, '<form action="/login;jsessionid=7" method=post><input type="password" name="other"></form>'],
    [true, "<form id=f action='https://id.example/sso/do'><input name=pw type=password></form>"],
    [false, '<form action="/account"><input type="password" name="new_password"></form>'],
    [false, '<p>The password of Ann, and a link to <a href="/login">log in</a></p>'],
    [false, ''],
  ])('says %s to the question whether a page with 200 is that of the login: %s', (expected, page) => {
    const { read } = placed({ login_url: 'https://app.example/login' });
    const head = { status: 200, contentType: 'text/html' };
    expect(strategy.refuses(head, read)).toBe(false);
    expect(strategy.refuses({ ...head, page }, read)).toBe(expected);
  });

  it('takes for the login what it is told to, and then nothing else but the form', () => {
    const { read } = placed({ login_url: 'https://app.example/do', login_page_url: '/welcome' });
    const to = (location: string) => strategy.refuses({ status: 302, contentType: '', location }, read);
    expect(['/welcome?x', 'https://app.example/do', '/login', '/'].map(to)).toEqual([true, true, false, false]);
  });

  it('takes no time to find that a page is none of the login', () => {
    const { read } = placed();
    for (const part of ['<form ', '<input ', '<form action="', '<input type=password><form action=x>']) {
      const look = (times: number) =>
        void strategy.refuses({ status: 200, contentType: 'text/html', page: part.repeat(times) }, read);
      expect(costRatio(look, [2_500, 20_000])).toBeLessThan(32);
    }
  });

  it('logs in no more often than the governor allows where the member shows its login all the time', async () => {
    const { use, read } = placed();
    for (let n = 0; n < 40; n += 1) answer({ headers: session });
    let patch = await strategy.authorize(use, read);
    for (let second = 0; second < 300; second += 10) {
      patch = await strategy.renew(use, read, patch).catch(() => patch);
      parts.clock.time += 10_000;
    }
    expect(parts.asked.length).toBeGreaterThan(1);
    expect(parts.asked.length).toBeLessThanOrEqual(6);
  });
});
