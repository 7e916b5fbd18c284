import type { EgressHttp, HttpAnswer } from '#egress';
import { ClientRefusedError, IssuerUnavailableError } from '#token-store';
import { type IssuerReply, askIssuer, refusalOf } from '../../issuers/issuer-answer.js';
import { csrfHeaders } from './csrf-headers.js';
import type { JsessionidSettings } from './jsessionid-settings.js';
import { isLoginPage, isSamePath } from './login-page.js';
import { SessionCookies } from './session-cookies.js';

/** For the whole login, redirects included. */
const TIMEOUT_MS = 9_000;
const MOST_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** RFC 9110, 15.4: these repeat the request as it was. The others turn a POST into a GET, as browsers have it. */
const REPEATING: ReadonlySet<number> = new Set([307, 308]);
const ACCEPT = 'text/html,application/json;q=0.9,*/*;q=0.8';

export interface FormLogin {
  readonly http: EgressHttp;
  readonly url: URL;
  /** Where the session is for. */
  readonly endpoint: URL;
  readonly settings: JsessionidSettings;
  /** In milliseconds since the epoch. */
  readonly now: () => number;
}

interface Hop {
  readonly url: URL;
  /** Of the POST; absent for a GET. */
  readonly form?: string;
}

/**
 * Sends the form, follows up to three redirects, each of them judged by egress, and gives the cookies that came. The
 * password goes to the origin of the login alone.
 * @throws ClientRefusedError if the login is not taken, IssuerUnavailableError if that cannot be told
 */
export async function logIn(login: FormLogin): Promise<SessionCookies> {
  const { settings, url, endpoint, now } = login;
  const cookies = SessionCookies.empty();
  const deadline = performance.now() + TIMEOUT_MS;
  const form = new URLSearchParams([
    [settings.username_field, settings.username],
    [settings.password_field, settings.password],
  ]).toString();

  let hop: Hop = { url, form };
  let answer = await send(login, { hop, cookies, deadline });
  // A service with CSRF protection hands out its token with the refusal: one more try, as it wants it.
  if (answer.status === 403 && hasCsrf(login, cookies)) answer = await send(login, { hop, cookies, deadline });
  for (let left = MOST_REDIRECTS; REDIRECTS.has(answer.status); left -= 1) {
    if (left === 0) throw new IssuerUnavailableError('too_many_redirects');
    hop = redirected(hop, answer);
    answer = await send(login, { hop, cookies, deadline });
  }

  const refusal = refusalOf(answer, { hasGrant: false });
  if (refusal) throw refusal;
  const isBack = hop.url !== url && isSamePath(hop.url.href, url.href) && isHtml(answer);
  if (isBack || (isHtml(answer) && isLoginPage(answer.body, settings))) throw new ClientRefusedError('login_refused');
  if (cookies.secondsLeft(endpoint, now()) === 0) throw new ClientRefusedError('no_session_cookie');
  return cookies;
}

async function send(
  { http, settings, now }: FormLogin,
  { hop, cookies, deadline }: { hop: Hop; cookies: SessionCookies; deadline: number },
): Promise<IssuerReply> {
  const { url, form } = hop;
  const timeoutMs = Math.ceil(deadline - performance.now());
  if (timeoutMs <= 0) throw new IssuerUnavailableError('timeout');
  const own = cookies.for(url.href, now());
  const answer = await askIssuer(http, {
    method: form === undefined ? 'GET' : 'POST',
    url,
    headers: {
      accept: ACCEPT,
      ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      ...(own.size === 0 ? {} : { cookie: [...own].map(([name, value]) => `${name}=${value}`).join('; ') }),
      ...csrfHeaders(own, settings),
    },
    ...(form === undefined ? {} : { body: form }),
    timeoutMs,
  });
  const fields = answer.headers['set-cookie'] ?? [];
  cookies.take(typeof fields === 'string' ? [fields] : fields, url, now());
  return answer;
}

function hasCsrf({ url, settings, now }: FormLogin, cookies: SessionCookies): boolean {
  return Object.keys(csrfHeaders(cookies.for(url.href, now()), settings)).length > 0;
}

function redirected({ url, form }: Hop, { status, headers }: HttpAnswer): Hop {
  const { location } = headers;
  const target = typeof location === 'string' ? urlOf(location, url) : undefined;
  if (!target) throw new IssuerUnavailableError('redirect_not_valid');
  if (url.protocol === 'https:' && target.protocol !== 'https:') throw new ClientRefusedError('redirect_not_secure');
  if (form === undefined || !REPEATING.has(status)) return { url: target };
  if (target.origin !== url.origin) throw new ClientRefusedError('redirect_to_other_origin');
  return { url: target, form };
}

/** RFC 9110, 10.2.2: relative to the address that answered. */
function urlOf(location: string, base: URL): URL | undefined {
  try {
    return new URL(location, base);
  } catch {
    return undefined;
  }
}

function isHtml({ headers }: HttpAnswer): boolean {
  return /^text\/html\b/i.test(String(headers['content-type'] ?? ''));
}
