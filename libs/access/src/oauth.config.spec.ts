import { type Environment, setEnvironment } from '#config';
import { afterEach, describe, expect, it } from '@jest/globals';
import { oauthConfig } from './oauth.config.js';

const read = (env: Environment) => {
  setEnvironment(env);
  return oauthConfig();
};
const CLIENT = { OAUTH_CLIENT_ID: 'composer', OAUTH_CLIENT_SECRET: 'hunter2-hunter2' };
const CONFIG_URL = 'https://idp.example/realm/.well-known/openid-configuration';

describe('oauthConfig', () => {
  afterEach(() => setEnvironment(undefined));

  it('describes nothing where nothing is said', () => {
    expect(read({})).toEqual({ callbackPath: '/auth/callback', mcpScopes: [] });
  });

  it('describes an issuer with sign-in by its metadata', () => {
    expect(read({ ...CLIENT, ENABLE_OAUTH: 'True', OAUTH_CONFIG_URL: CONFIG_URL })).toEqual({
      issuer: {
        issuer: 'https://idp.example/realm',
        kind: 'jwt',
        audiences: [],
        algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        client_id: 'composer',
        role_map: {},
        default_roles: ['caller'],
        sign_in: { scope: 'openid profile email' },
      },
      configUrl: CONFIG_URL,
      clientSecret: 'hunter2-hunter2',
      callbackPath: '/auth/callback',
      mcpScopes: [],
    });
  });

  it.each([
    ['https://idp.example/.well-known/openid-configuration', 'https://idp.example'],
    ['https://idp.example/.well-known/oauth-authorization-server/realm', 'https://idp.example/realm'],
    ['https://idp.example/.well-known/openid-configuration?appid=1', 'https://idp.example'],
  ])('finds out whose metadata stands at %s', (OAUTH_CONFIG_URL, issuer) => {
    expect(read({ ...CLIENT, OAUTH_CONFIG_URL }).issuer?.issuer).toBe(issuer);
  });

  it('describes one by its addresses', () => {
    const { issuer } = read({
      ...CLIENT,
      OAUTH_AUTH_URL: 'https://idp.example/authorize',
      OAUTH_TOKEN_URL: 'https://idp.example/token',
      OAUTH_INTROSPECTION_URL: 'https://idp.example/introspect',
      OAUTH_PROVIDER_SCOPE: 'openid',
      OAUTH_MCP_SCOPE: ' user  tools ',
    });
    expect(issuer).toMatchObject({
      issuer: 'https://idp.example',
      kind: 'introspection',
      introspection_url: 'https://idp.example/introspect',
      sign_in: {
        authorization_url: 'https://idp.example/authorize',
        token_url: 'https://idp.example/token',
        scope: 'openid',
      },
    });
    expect(oauthConfig().mcpScopes).toEqual(['user', 'tools']);
  });

  it('lets nobody sign in where only introspection is told', () => {
    const env = { ...CLIENT, OAUTH_INTROSPECTION_URL: 'https://idp.example/introspect' };
    expect(read(env).issuer?.sign_in).toBeUndefined();
  });

  it('knows where Google is', () => {
    expect(read({ ...CLIENT, OAUTH_PROVIDER: 'Google', ENABLE_OAUTH: 'true' }).issuer?.issuer).toBe(
      'https://accounts.google.com',
    );
  });

  it('describes nothing with ENABLE_OAUTH=False', () => {
    const env = { ...CLIENT, OAUTH_CONFIG_URL: CONFIG_URL, ENABLE_OAUTH: 'False' };
    expect(read(env)).toEqual({ callbackPath: '/auth/callback', mcpScopes: [] });
  });

  it.each([
    ['/sign-in/back', '/sign-in/back'],
    ['https://gw.example/auth/back?x=1', '/auth/back'],
    ['', '/auth/callback'],
  ])('takes OAUTH_CALLBACK_PATH=%s for %s', (OAUTH_CALLBACK_PATH, callbackPath) => {
    expect(read({ OAUTH_CALLBACK_PATH }).callbackPath).toBe(callbackPath);
  });

  it.each([
    [{ ENABLE_OAUTH: 'True' }, ['OAUTH_CLIENT_ID', 'OAUTH_CLIENT_SECRET', 'OAUTH_CONFIG_URL']],
    [{ ...CLIENT, ENABLE_OAUTH: 'True' }, ['OAUTH_CONFIG_URL']],
    [{ ...CLIENT, ENABLE_OAUTH: 'True', OAUTH_AUTH_URL: 'https://idp.example/a' }, ['OAUTH_TOKEN_URL']],
    [{ ENABLE_OAUTH: 'perhaps' }, ['ENABLE_OAUTH']],
    [{ OAUTH_CONFIG_URL: 'idp.example' }, ['OAUTH_CONFIG_URL']],
    [{ OAUTH_PROVIDER: 'kerberos' }, ['OAUTH_PROVIDER']],
    [{ OAUTH_PROVIDER: 'github' }, ['OAUTH_PROVIDER']],
    [{ OAUTH_CALLBACK_PATH: '/a b' }, ['OAUTH_CALLBACK_PATH']],
    [{ OAUTH_CALLBACK_PATH: '/a/../b' }, ['OAUTH_CALLBACK_PATH']],
    [{ OAUTH_CALLBACK_PATH: 'nowhere' }, ['OAUTH_CALLBACK_PATH']],
  ])('refuses %j by name, never by value', (env: Environment, names) => {
    const problems = oauthConfig.check(env);
    expect(problems).toEqual(names.map((name) => expect.stringMatching(`^${name}: `)));
    expect(problems.join()).not.toContain('hunter2');
  });
});
