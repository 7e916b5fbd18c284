import { describe, expect, it } from '@jest/globals';
import { SessionCookies } from './session-cookies.js';

const NOW = Date.UTC(2026, 0, 1);
const LOGIN = new URL('https://app.example.com/sso/login');

describe('SessionCookies', () => {
  const holding = (fields: readonly string[], url = LOGIN) => {
    const cookies = SessionCookies.empty();
    cookies.take(fields, url, NOW);
    return cookies;
  };
  const sent = (cookies: SessionCookies, url: string, now = NOW) => Object.fromEntries(cookies.for(url, now));

  it.each<[string, string, Record<string, string>]>([
    ['a=1; Path=/', 'https://app.example.com/api', { a: '1' }],
    ['a=1', 'https://app.example.com/api', {}],
    ['a=1', 'https://app.example.com/sso/x', { a: '1' }],
    ['a=1; Path=/api', 'https://app.example.com/api/x?y', { a: '1' }],
    ['a=1; Path=/api', 'https://app.example.com/apis', {}],
    ['a=1; Path=/', 'https://api.example.com/', {}],
    ['a=1; Path=/; Domain=example.com', 'https://api.example.com/', { a: '1' }],
    ['a=1; Path=/; Domain=example.com', 'https://example.com.evil.com/', {}],
    ['a=1; Path=/; Domain=com', 'https://app.example.com/', {}],
    ['a=1; Path=/; Domain=other.com', 'https://other.com/', {}],
    ['a=1; Path=/; Secure', 'https://app.example.com/', { a: '1' }],
    ['a=1; Path=/; Secure', 'http://app.example.com/', {}],
    ['__Host-a=1; Path=/', 'https://app.example.com/', {}],
    ['a=\u00e9; Path=/', 'https://app.example.com/', {}],
    ['a="q 1"; Path=/', 'https://app.example.com/', { a: '"q 1"' }],
    [`a=${'x'.repeat(4097)}; Path=/`, 'https://app.example.com/', {}],
    [`a=1; x=${'x'.repeat(9000)}; Path=/`, 'https://app.example.com/', {}],
    ['no cookie', 'https://app.example.com/', {}],
  ])('of %j sends to %s: %j', (field, url, expected) => {
    expect(sent(holding([field]), url)).toEqual(expected);
  });

  it('takes no secure cookie from an address that is not', () => {
    const cookies = holding(['a=1; Path=/; Secure'], new URL('http://app.example.com/'));
    expect(sent(cookies, 'https://app.example.com/')).toEqual({});
  });

  it('prefers the longest path where two cookies share a name', () => {
    const cookies = holding(['a=root; Path=/', 'a=api; Path=/api']);
    expect(sent(cookies, 'https://app.example.com/api/x')).toEqual({ a: 'api' });
    expect(sent(cookies, 'https://app.example.com/other')).toEqual({ a: 'root' });
  });

  it('lets a cookie end, counted from when it was set last', () => {
    const url = 'https://app.example.com/';
    const cookies = holding([
      'a=1; Path=/; Max-Age=60',
      `b=1; Path=/; Expires=${new Date(NOW + 30_000).toUTCString()}`,
    ]);
    expect(cookies.secondsLeft(new URL(url), NOW)).toBe(60);
    expect(sent(cookies, url, NOW + 30_000)).toEqual({ a: '1' });
    cookies.take(['a=2; Path=/; Max-Age=60'], LOGIN, NOW + 30_000);
    expect(sent(cookies, url, NOW + 80_000)).toEqual({ a: '2' });
    expect(sent(cookies, url, NOW + 90_000)).toEqual({});
    expect(cookies.secondsLeft(new URL(url), NOW + 90_000)).toBe(0);
  });

  it('has no end with a cookie that has none, and nothing with empty ones alone', () => {
    const url = new URL('https://app.example.com/elsewhere');
    expect(holding(['a=1; Max-Age=60', 'b=1']).secondsLeft(url, NOW)).toBe(Infinity);
    expect(holding(['a=; Path=/']).secondsLeft(url, NOW)).toBe(0);
    expect(holding(['a=1; Path=/']).secondsLeft(new URL('https://other.example.com'), NOW)).toBe(0);
  });

  it('drops what the service takes back', () => {
    const cookies = holding(['a=secret-1; Path=/', 'b=secret-2; Path=/']);
    cookies.take(['a=; Path=/; Max-Age=0', 'b=x; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'], LOGIN, NOW);
    expect(cookies.values()).toEqual([]);
  });

  it('holds 50 cookies and no more, however many come, under whatever path', () => {
    const cookies = SessionCookies.empty();
    for (let round = 0; round < 3; round += 1) {
      const fields = Array.from({ length: 60 }, (_, index) => `a=v${round}-${index}; Path=/p${round}-${index}`);
      cookies.take(fields, LOGIN, NOW);
    }
    expect(cookies.values()).toHaveLength(50);
    cookies.take(['a=new; Path=/p0-1', 'b=more; Path=/'], LOGIN, NOW);
    expect(sent(cookies, 'https://app.example.com/p0-1')).toEqual({ a: 'new' });
    expect(cookies.values()).toHaveLength(50);
  });

  it('goes on in another process as it was', () => {
    const cookies = holding(['a=1; Path=/; Max-Age=60', 'b=2; Path=/api; Secure; Domain=example.com; HttpOnly']);
    const again = SessionCookies.from(JSON.parse(JSON.stringify(cookies.toJson())));
    for (const url of ['https://app.example.com/api', 'https://www.example.com/api', 'http://app.example.com/']) {
      for (const now of [NOW, NOW + 60_000]) expect(sent(again, url, now)).toEqual(sent(cookies, url, now));
    }
    again.take(['c=3; Path=/; Domain=com'], LOGIN, NOW);
    expect(again.values()).toEqual(['2']);
  });
});
