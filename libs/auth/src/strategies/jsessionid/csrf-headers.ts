import type { JsessionidSettings } from './jsessionid-settings.js';

/** The header that carries the value of a cookie back, by the cookie's name in lower case: Angular, axios, Django. */
export const CSRF_HEADERS: ReadonlyMap<string, string> = new Map([
  ['xsrf-token', 'x-xsrf-token'],
  ['csrf-token', 'x-csrf-token'],
  ['csrftoken', 'x-csrftoken'],
]);
const VALUE = /^[\t\x20-\x7e]*$/;

type CsrfSettings = Pick<JsessionidSettings, 'csrf_cookie' | 'csrf_header'>;

/** Headers that show the service that the sender can read its cookies, as the scripts of its own pages would. */
export function csrfHeaders(
  cookies: ReadonlyMap<string, string>,
  { csrf_cookie: only, csrf_header: header }: CsrfSettings,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of cookies) {
    if (only !== undefined && name !== only) continue;
    const target = (only === undefined ? undefined : header) ?? CSRF_HEADERS.get(name.toLowerCase());
    const text = decoded(value);
    if (target !== undefined && VALUE.test(text)) headers[target.toLowerCase()] = text;
  }
  return headers;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
