import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { grantOf } from './grant-types.js';
import { oauth2Settings } from './oauth2-settings.js';

const token_url = 'https://issuer.example/token';
const authorization_url = 'https://issuer.example/authorize';
const client = { client_id: 'a', client_secret: 's' };
const provider = { idp_issuer_url: 'https://idp.example', subject_token: 's' };
const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const private_key = pem.export({ format: 'pem', type: 'pkcs8' }).toString();
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'pem', type: 'pkcs8' });
const locked = pem.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });

describe('the settings of oauth2', () => {
  it.each<[object, string]>([
    [{}, 'authorization_code'],
    [{ client_id: 'a' }, 'authorization_code'],
    [{ issuer_url: 'https://issuer.example' }, 'authorization_code'],
    [{ identity: 'per_user' }, 'authorization_code'],
    [{ ...client, identity: 'per_user' }, 'authorization_code'],
    [{ ...client, token_url, authorization_url }, 'authorization_code'],
    [{ ...client, token_url }, 'client_credentials'],
    [client, 'client_credentials'],
    [{ client_id: 'a', private_key }, 'client_credentials'],
    [{ ...client, token_url, refresh_token: 'r' }, 'refresh_token'],
    [{ ...client, token_url, authorization_url, refresh_token: 'r' }, 'refresh_token'],
    [{ grant_type: 'token-exchange', subject_token: 's' }, 'urn:ietf:params:oauth:grant-type:token-exchange'],
    [{ grant_type: 'jwt-bearer', assertion: 'a' }, 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    [{ grant_type: 'jwt-bearer', ...provider }, 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    [{ grant_type: 'jwt-bearer', ...provider, ...client }, 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
    [
      { grant_type: 'jwt-bearer', ...provider, client_id: 'a', private_key },
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
    ],
  ])('mean a grant without naming it: %j', (settings, grant) => {
    expect(grantOf(oauth2Settings.parse(settings))).toBe(grant);
  });

  it.each<[object, readonly string[]]>([
    [{ client_id: 'a', token_url }, ['client_secret']],
    [{ client_secret: 's', token_url }, ['client_id']],
    [{ grant_type: 'refresh_token', ...client }, ['refresh_token']],
    [{ grant_type: 'client_credentials', ...client, refresh_token: 'r' }, ['refresh_token']],
    [{ refresh_token: 'r' }, ['client_id']],
    [{ grant_type: 'authorization_code', ...client, token_url }, ['authorization_url']],
    [{ ...client, authorization_url }, ['token_url']],
    [{ grant_type: 'token-exchange' }, ['subject_token']],
    [{ grant_type: 'token-exchange', subject_token: 's', actor_token_type: 'jwt' }, ['actor_token']],
    [{ grant_type: 'token-exchange', subject_token: 's', assertion: 'a' }, ['assertion']],
    [{ grant_type: 'jwt-bearer' }, ['assertion']],
    [{ grant_type: 'jwt-bearer', private_key }, ['assertion_issuer']],
    [{ ...client, subject_token: 's' }, ['subject_token']],
    [{ ...client, subject_token_type: 'jwt' }, ['subject_token_type']],
    [{ grant_type: 'jwt-bearer', assertion: 'a', subject_token: 's' }, ['subject_token']],
    [{ grant_type: 'jwt-bearer', idp_issuer_url: 'https://idp.example' }, ['subject_token']],
    [{ grant_type: 'jwt-bearer', ...provider, assertion: 'a' }, ['assertion']],
    [{ grant_type: 'jwt-bearer', ...provider, idp_client_secret: 's' }, ['idp_client_id']],
    [{ grant_type: 'jwt-bearer', assertion: 'a', idp_client_secret: 's' }, ['idp_client_secret']],
    [{ grant_type: 'token-exchange', ...provider }, ['idp_issuer_url']],
    [{ ...client, token_url, identity: 'per_user', grant_type: 'client_credentials' }, ['identity']],
    [{ ...client, client_authentication: 'private_key_jwt' }, ['private_key']],
    [{ ...client, client_authentication: 'none' }, ['client_secret', 'client_authentication']],
    [
      { client_id: 'a', client_authentication: 'client_secret_basic', grant_type: 'authorization_code' },
      ['client_secret'],
    ],
    [{ ...client, private_key, client_authentication: 'client_secret_post' }, ['private_key']],
    [{ ...client, private_key_id: 'k' }, ['private_key_id']],
    [{ client_id: 'a', private_key: 'nonsense' }, ['private_key']],
    [{ client_id: 'a', private_key: '{"kty":"EC"}' }, ['private_key']],
    [{ client_id: 'a', private_key: weak }, ['private_key']],
    [{ client_id: 'a', private_key: locked }, ['private_key']],
    [{ client_id: 'a', private_key, private_key_alg: 'RS256' }, ['private_key']],
    [{ issuer: 'https://a.example', issuer_url: 'https://b.example' }, ['issuer']],
    [{ issuer_url: 'ftp://a.example' }, ['issuer_url']],
    [{ grant_type: 'password' }, ['grant_type']],
    [{ ...client, scope: 'a\nb' }, ['scope']],
  ])('say what is missing or does not go together: %j', (settings, paths) => {
    const parsed = oauth2Settings.safeParse(settings);
    expect(parsed.error?.issues.map(({ path }) => path.join('.'))).toEqual(paths);
    expect(JSON.stringify(parsed.error?.issues)).not.toContain('BEGIN');
  });

  it('read the same again when they are read twice, a JWK as text', () => {
    const jwk = pem.export({ format: 'jwk' });
    const once = oauth2Settings.parse({ client_id: 'a', private_key: jwk });
    expect(once.private_key).toBe(JSON.stringify(jwk));
    expect(oauth2Settings.parse(once)).toEqual(once);
  });
});
