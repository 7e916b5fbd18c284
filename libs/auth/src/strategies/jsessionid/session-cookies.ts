import type { JsonObject } from '#kernel';
import { Cookie, CookieJar, MemoryCookieStore } from 'tough-cookie';

/** RFC 6265, 6.1, asks user agents for at least these; nobody gets more here. */
const MOST_COOKIES = 50;
const MOST_COOKIE_BYTES = 4096;
/** RFC 6265bis, 5.5. */
const LONGEST_LIFE_SECONDS = 400 * 86_400;
/** What a header can carry, and nothing that begins another cookie. */
const SAFE = /^[\x20-\x3a\x3c-\x7e]*$/;

/**
 * The cookies of one session (RFC 6265): kept by domain, path, `Secure` and end, public suffixes refused, and bounded.
 * What does not fit is passed over, as a browser does.
 */
export class SessionCookies {
  private constructor(
    private readonly jar: CookieJar,
    private readonly store: MemoryCookieStore,
  ) {}

  static empty(): SessionCookies {
    const store = new MemoryCookieStore();
    return new SessionCookies(new CookieJar(store), store);
  }

  /** @param kept what `toJson` gave, of this process or another one */
  static from(kept: JsonObject): SessionCookies {
    const store = new MemoryCookieStore();
    return new SessionCookies(CookieJar.deserializeSync(kept as unknown as CookieJar.Serialized, store), store);
  }

  /** Takes the `Set-Cookie` fields of an answer from `url`, and lets go of what has ended. */
  take(fields: readonly string[], url: URL, now: number): void {
    for (const field of fields.slice(0, MOST_COOKIES)) {
      const cookie = field.length > 2 * MOST_COOKIE_BYTES ? undefined : Cookie.parse(field);
      if (!cookie || !SAFE.test(cookie.cookieString()) || cookie.cookieString().length > MOST_COOKIE_BYTES) continue;
      if (cookie.secure && url.protocol !== 'https:') continue; // RFC 6265bis, 5.7
      endAt(cookie, now);
      this.jar.setCookieSync(cookie, url.href, { ignoreError: true, now: new Date(now) });
      if (this.all().length > MOST_COOKIES) this.remove(cookie);
    }
    for (const cookie of this.all()) if (cookie.expiryTime() <= now) this.remove(cookie);
  }

  /** Those that go with a request for `url`, the longest path first; of one name the first alone. */
  for(url: string, now: number): ReadonlyMap<string, string> {
    const cookies = new Map<string, string>();
    for (const { key, value } of this.jar.getCookiesSync(url, { now: new Date(now) })) {
      if (!cookies.has(key)) cookies.set(key, value);
    }
    return cookies;
  }

  /** Seconds until nothing is left to send to the host of `url`; 0 if nothing is there, `Infinity` if it has no end. */
  secondsLeft(url: URL, now: number): number {
    const options = { now: new Date(now), allPaths: true };
    const cookies = this.jar.getCookiesSync(url.href, options).filter(({ value }) => value !== '');
    return Math.max(0, ...cookies.map((cookie) => Math.ceil((cookie.expiryTime() - now) / 1000)));
  }

  values(): readonly string[] {
    return this.all()
      .map(({ value }) => value)
      .filter((value) => value !== '');
  }

  toJson(): JsonObject {
    return JSON.parse(JSON.stringify(this.jar.serializeSync())) as JsonObject;
  }

  private all(): readonly Cookie[] {
    let found: readonly Cookie[] = [];
    this.store.getAllCookies((_, cookies) => (found = cookies));
    return found;
  }

  private remove({ domain, path, key }: Cookie): void {
    this.store.removeCookie(domain ?? '', path ?? '', key, () => undefined);
  }
}

/** Tells the end as a date: the library counts `Max-Age` from when a cookie of that name was set for the first time. */
function endAt(cookie: Cookie, now: number): void {
  const { maxAge } = cookie;
  if (typeof maxAge !== 'number') return;
  cookie.maxAge = null as unknown as number; // as the library itself says that there is none
  cookie.setExpires(new Date(maxAge <= 0 ? 0 : now + Math.min(maxAge, LONGEST_LIFE_SECONDS) * 1000));
}
