import type { AnswerSign } from '../../credential-use.js';
import { parseUrl } from '#kernel';
import type { JsessionidSettings } from './jsessionid-settings.js';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** As much of a page as is looked at, and of one tag: time in proportion to the page. */
const MOST_PAGE = 256 * 1024;
const INPUT = /<input\b([^>]{0,500})>/gi;
const FORM = /<form\b([^>]{0,2000})>/gi;
const NAME = /(?:^|[\s"'])name\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i;
const TYPE = /(?:^|[\s"'])type\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i;
const ACTION = /(?:^|[\s"'])action\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i;
/** A word of a path, whole, by which logins go: of pages, of single sign-on, of servlet containers. */
const LOGIN_PATH =
  /[/._-](log-?in|log-?on|sign-?in|sso|saml2?|cas|oauth2?|openid-connect|j_security_check|session-?expired)(?=[/._-]|$)/i;
/** Only the path of a relative address is looked at. */
const ANY_ORIGIN = 'http://any.invalid';

type LoginSettings = Pick<JsessionidSettings, 'login_url' | 'login_page_url' | 'password_field'>;

/** Whether a page asks for the password: it has an input of that name. */
export function isLoginPage(body: Buffer, { password_field }: Pick<JsessionidSettings, 'password_field'>): boolean {
  return asksFor(body.subarray(0, MOST_PAGE).toString('utf8'), password_field);
}

/**
 * Whether an answer of the member says that the session has ended: 401, a page with 403, a redirect to the login, or the
 * page of the login in place of what was asked for.
 */
export function hasEnded({ status, contentType, location, page }: AnswerSign, settings: LoginSettings): boolean {
  if (status === 401) return true;
  if (status === 403) return /^text\/html\b/i.test(contentType);
  if (status >= 200 && status < 300) return page !== undefined && isLoginText(page, settings);
  return REDIRECTS.has(status) && location !== undefined && leadsToLogin(location, settings);
}

/** It asks for the password by its name, or for any and sends it to the login. */
function isLoginText(text: string, settings: LoginSettings): boolean {
  const page = text.slice(0, MOST_PAGE);
  if (asksFor(page, settings.password_field)) return true;
  const asksForAny = [...page.matchAll(INPUT)].some(([, attributes = '']) => valueOf(TYPE, attributes) === 'password');
  if (!asksForAny) return false;
  return [...page.matchAll(FORM)].some(([, attributes = '']) => {
    const action = valueOf(ACTION, attributes);
    return action !== undefined && leadsToLogin(action, settings);
  });
}

/** Where nobody says what else is the login, it is what is called like one. */
function leadsToLogin(address: string, { login_url, login_page_url }: LoginSettings): boolean {
  if (isSamePath(address, login_url) || (parseUrl(login_url) !== undefined && address.includes(login_url))) return true;
  if (login_page_url !== undefined) return isSamePath(address, login_page_url);
  return LOGIN_PATH.test(pathOf(address) ?? '');
}

function asksFor(page: string, field: string): boolean {
  return [...page.matchAll(INPUT)].some(([, attributes = '']) => valueOf(NAME, attributes) === field);
}

function valueOf(attribute: RegExp, attributes: string): string | undefined {
  const [, double, single, bare] = attribute.exec(attributes) ?? [];
  return double ?? single ?? bare;
}

/** Whether two addresses have one path; servlet containers write `;jsessionid=…` behind it, which is no part of it. */
export function isSamePath(one: string, other: string): boolean {
  const path = pathOf(one);
  return path !== undefined && path === pathOf(other);
}

function pathOf(address: string): string | undefined {
  try {
    return new URL(address, ANY_ORIGIN).pathname.replace(/;[^/]*$/, '');
  } catch {
    return undefined;
  }
}
