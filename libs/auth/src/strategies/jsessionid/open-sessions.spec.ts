import { serverId, tenantId } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import { OpenSessions } from './open-sessions.js';
import { SessionCookies } from './session-cookies.js';

const url = new URL('https://crm.example/app');
const key = {
  tenantId: tenantId('acme'),
  serverId: serverId('crm'),
  kind: 'token',
  issuer: 'https://crm.example/login',
  fingerprint: 'f',
} as const;

function login(generation: number, session: string) {
  const cookies = SessionCookies.empty();
  cookies.take(['lang=en; Path=/', `JSESSIONID=${session}; Path=/`], url, Date.now());
  return { generation, tokens: { accessToken: cookies.values()[0]!, more: cookies.toJson() } };
}
const sent = (cookies: SessionCookies) => Object.fromEntries(cookies.for(url.href, Date.now()));

describe('OpenSessions', () => {
  it('goes on with the cookies that answers have changed, for everybody who has the login', () => {
    const sessions = new OpenSessions();
    const first = login(1, 'one');
    sessions.cookiesOf(key, first).take(['seen=yes; Path=/'], url, Date.now());
    expect(sent(sessions.cookiesOf(key, first))).toEqual({ lang: 'en', JSESSIONID: 'one', seen: 'yes' });
  });

  it.each([
    ['the next login', 2],
    ['the first login after a withdrawal', 1],
  ])('begins anew with %s, also when its first cookie is the one of before', (_, generation) => {
    const sessions = new OpenSessions();
    sessions.cookiesOf(key, login(1, 'one'));
    expect(sent(sessions.cookiesOf(key, login(generation, 'two')))).toEqual({ lang: 'en', JSESSIONID: 'two' });
  });
});
