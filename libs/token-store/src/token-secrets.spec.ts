import { beforeEach, describe, expect, it } from '@jest/globals';
import { tenantId } from '#kernel';
import { SecretValues } from '#observability';
import type { TokenSet } from './token-key.js';
import { TokenSecrets } from './token-secrets.js';

const [acme, globex] = [tenantId('acme'), tenantId('globex')];

describe('the secrets of credentials', () => {
  let now: number;
  let values: SecretValues;
  let secrets: TokenSecrets;

  beforeEach(() => {
    now = 1_000_000;
    values = new SecretValues();
    secrets = new TokenSecrets(values, { now: () => now });
  });
  const isMasked = (text: string) => values.mask(text) === '[secret]';

  it('are what can be misused, and nothing of what everybody may know', () => {
    const known = [
      'https://issuer.example/token',
      'client_secret_basic',
      'https://issuer.example/register/1',
      'client-1',
    ];
    const [tokenEndpoint, method, address, id] = known as [string, string, string, string];
    const tokens: TokenSet = {
      accessToken: 'access-value',
      refreshToken: 'refresh-value',
      more: {
        contact: {
          ...{ issuer: 'https://issuer.example', tokenEndpoint },
          client: { id, secret: 'client-value', authentication: method, key: { private_key: 'key-value' } },
        },
        client: {
          ...{ client_id: id, client_secret: 'registered-value', token_endpoint_auth_method: method },
          ...{ registration_client_uri: address, registration_access_token: 'registration-value' },
        },
        cookies: [{ key: 'JSESSIONID', value: 'cookie-value' }],
      },
    };
    secrets.remember(acme, tokens);
    const secret = ['access', 'refresh', 'client', 'key', 'registered', 'registration', 'cookie'];
    expect(secret.filter((name) => !isMasked(`${name}-value`))).toEqual([]);
    expect(known.filter((text) => values.mask(text) !== text)).toEqual([]);
  });

  it('of one tenant put out none of another one, and are let go of as they were taken', () => {
    secrets.remember(globex, { accessToken: 'token-of-globex' });
    const cookies = (n: number) => Array.from({ length: 50 }, (_, at) => ({ value: `cookie-${n}-${at}` }));
    const sessions = Array.from({ length: 1_001 }, (_, n) =>
      secrets.remember(acme, { accessToken: `session-${n}`, more: { cookies: cookies(n) } }),
    );
    expect(isMasked('token-of-globex')).toBe(true);
    expect(isMasked('session-0')).toBe(true);
    for (const one of sessions) secrets.forget(one);
    now += 60_001;
    secrets.note(globex, { accessToken: 'another-one' });
    expect(isMasked('session-0')).toBe(false);
    secrets.remember(acme, { accessToken: 'session-anew' });
    expect(isMasked('session-anew')).toBe(true);
  });
});
