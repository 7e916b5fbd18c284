import { describe, expect, it } from '@jest/globals';
import { presentedCredential } from './presented-credential.js';

const SESSION = 'h1.kek.c2Vzc2lvbg';
const secure = {
  host: 'gw.example',
  cookie: `a=b; __Host-mcpc_session=${SESSION}; c=d`,
  'sec-fetch-site': 'same-origin',
};

describe('the session of a browser', () => {
  it('is presented by requests of our own pages, and of people who type the address', () => {
    expect(presentedCredential(secure)).toBe(SESSION);
    expect(presentedCredential({ ...secure, 'sec-fetch-site': 'none' })).toBe(SESSION);
  });

  it.each(['cross-site', 'same-site', 'Same-Origin', '', undefined])('is not presented by one that is %j', (site) => {
    expect(presentedCredential({ ...secure, 'sec-fetch-site': site })).toBeUndefined();
  });

  it('counts without its prefix on this machine alone', () => {
    const cookie = `mcpc_session=${SESSION}`;
    const from = (host: string) => presentedCredential({ host, cookie, 'sec-fetch-site': 'same-origin' });
    expect(['127.0.0.1:9000', 'localhost', '[::1]:9000'].map(from)).toEqual([SESSION, SESSION, SESSION]);
    expect(['gw.example', '127.0.0.1.evil.example', 'localhost.example'].map(from)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is not looked at where the request presents something else', () => {
    expect(presentedCredential({ ...secure, authorization: 'Bearer mcpc_key' })).toBe('mcpc_key');
    expect(presentedCredential({ ...secure, authorization: 'Basic eDp5' })).toBeUndefined();
    expect(presentedCredential({ ...secure, 'x-api-key': 'mcpc_key' })).toBe('mcpc_key');
  });

  it.each(['__Host-mcpc_session=a b', 'x__Host-mcpc_session=abc', '__Host-mcpc_sessionx=abc'])(
    'is not %s',
    (cookie) => {
      expect(presentedCredential({ ...secure, cookie })).toBeUndefined();
    },
  );
});
