import type { AnswerSign } from '../../credential-use.js';
import { parseUrl } from '#kernel';
import type { JsessionidSettings } from './jsessionid-settings.js';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** As much of a page as is looked at, and of one tag: time in proportion to the page. */
const MOST_PAGE = 256 * 1024;
const INPUT = /<input\b([^>]{0,500})>/gi;
const NAME = /(?:^|[\s"'])name\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/i;
/** Only the path of a relative address is looked at. */
const ANY_ORIGIN = 'http://any.invalid';

/** Whether a page asks for the password: it has an input of that name. */
export function isLoginPage(body: Buffer, { password_field }: Pick<JsessionidSettings, 'password_field'>): boolean {
  const page = body.subarray(0, MOST_PAGE).toString('utf8');
  for (const [, attributes = ''] of page.matchAll(INPUT)) {
    const [, double, single, bare] = NAME.exec(attributes) ?? [];
    if ((double ?? single ?? bare) === password_field) return true;
  }
  return false;
}

/** Whether an answer of the member says that the session has ended: 401, a page with 403, or a redirect to the login. */
export function hasEnded(
  { status, contentType, location }: AnswerSign,
  { login_url }: Pick<JsessionidSettings, 'login_url'>,
): boolean {
  if (status === 401) return true;
  if (status === 403) return /^text\/html\b/i.test(contentType);
  if (!REDIRECTS.has(status) || location === undefined) return false;
  return isSamePath(location, login_url) || (parseUrl(login_url) !== undefined && location.includes(login_url));
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
