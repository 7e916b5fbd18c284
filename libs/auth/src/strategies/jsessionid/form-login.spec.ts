import { describe, expect, it } from '@jest/globals';
import type { EgressHttp, HttpAnswer, HttpRequest } from '#egress';
import { logIn } from './form-login.js';
import { jsessionidSettings } from './jsessionid-settings.js';

/** A service on TLS that this process would trust cannot be had here: its answers are made up. */
const secure = (answers: readonly Partial<HttpAnswer>[]) => {
  const asked: string[] = [];
  const request = async ({ url }: HttpRequest) => {
    asked.push(String(url));
    return { status: 200, headers: {}, body: Buffer.alloc(0), url: String(url), ...answers[asked.length - 1] };
  };
  const settings = jsessionidSettings.parse({ login_url: 'https://app.example/login', username: 'u', password: 'p' });
  const endpoint = new URL('https://app.example/api');
  const url = new URL(settings.login_url);
  const login = () => logIn({ http: { request } as unknown as EgressHttp, url, endpoint, settings, now: Date.now });
  return { asked, login };
};

describe('logIn', () => {
  it('never goes from https to http', async () => {
    const { asked, login } = secure([{ status: 302, headers: { location: 'http://app.example/home' } }]);
    await expect(login()).rejects.toMatchObject({ code: 'COMPOSER_CLIENT_REFUSED', reason: 'redirect_not_secure' });
    expect(asked).toEqual(['https://app.example/login']);
  });

  it('takes cookies that are for secure connections alone', async () => {
    const { login } = secure([{ headers: { 'set-cookie': ['__Host-sid=s; Path=/; Secure'] } }]);
    const cookies = await login();
    expect(Object.fromEntries(cookies.for('https://app.example/api', Date.now()))).toEqual({ '__Host-sid': 's' });
  });

  it.each([[undefined], ['http://%']])('takes a redirect to %j for nonsense', async (location) => {
    const { login } = secure([{ status: 302, headers: { location } }]);
    await expect(login()).rejects.toMatchObject({ code: 'COMPOSER_ISSUER_UNAVAILABLE', reason: 'redirect_not_valid' });
  });
});
