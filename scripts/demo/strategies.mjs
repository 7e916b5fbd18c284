import { randomBytes } from 'node:crypto';
import { startAuthorizationServer } from './authorization-server.mjs';
import { sessionLogin } from './session-login.mjs';
import { startTokenService } from './token-service.mjs';

/*
 * What the demo shows of each way of authenticating: the member's configuration, a wrong credential for it, and the
 * check by which its service tells the right one. To show another strategy, add its entry.
 */

/** Fresh for every run: nothing secret is written down anywhere. */
const secret = randomBytes(18).toString('base64url');
const basic = Buffer.from(`ada:${secret}`).toString('base64');

const header = (name, value) => (request) => request.headers[name] === value;
const query = (name, value) => (request) => request.query.get(name) === value;
const cookie = (name, value) => (request) => request.headers.cookie === `${name}=${value}`;

/**
 * `id` of the member, `auth_strategy` and `auth` as they are registered, `secret` the name of the setting that is
 * the secret, `check` what its service asks of a request. Where the credential comes from an issuer, `open` starts that
 * and gives `auth` and `check`, `answer` for requests that are not calls, and `end`, which ends what was given. `grant`
 * and `client` name the grant of OAuth and how the client shows who it is; with `needsPerson` a person has to connect it.
 */
export const STRATEGIES = [
  { id: 'open', auth_strategy: 'none', auth: {}, check: (request) => request.headers.authorization === undefined },
  {
    id: 'basic',
    auth_strategy: 'basic',
    auth: { username: 'ada', password: secret },
    secret: 'password',
    check: header('authorization', `Basic ${basic}`),
  },
  {
    id: 'bearer',
    auth_strategy: 'bearer',
    auth: { token: secret },
    secret: 'token',
    check: header('authorization', `Bearer ${secret}`),
  },
  {
    id: 'apitoken',
    auth_strategy: 'apitoken',
    auth: { token: secret, auth_prefix: 'Token' },
    secret: 'token',
    check: header('authorization', `Token ${secret}`),
  },
  {
    id: 'apikey',
    auth_strategy: 'apikey',
    auth: { apikey: secret },
    secret: 'apikey',
    check: header('x-api-key', secret),
  },
  {
    id: 'apikey-named',
    auth_strategy: 'apikey',
    auth: { apikey: secret, in: 'header', name: 'X-Shop-Key' },
    secret: 'apikey',
    check: header('x-shop-key', secret),
  },
  {
    id: 'apikey-prefix',
    auth_strategy: 'apikey',
    auth: { apikey: secret, auth_prefix: 'ApiKey' },
    secret: 'apikey',
    check: header('authorization', `ApiKey ${secret}`),
  },
  {
    id: 'apikey-query',
    auth_strategy: 'apikey',
    auth: { apikey: secret, in: 'query', name: 'api_key' },
    secret: 'apikey',
    check: query('api_key', secret),
  },
  {
    id: 'apikey-cookie',
    auth_strategy: 'apikey',
    auth: { apikey: secret, in: 'cookie', name: 'shop_session' },
    secret: 'apikey',
    check: cookie('shop_session', secret),
  },
  { id: 'iam', auth_strategy: 'dynamic_bearer', open: ({ own }) => tokenOf('iam', own) },
  { id: 'iam-json', auth_strategy: 'dynamic_bearer', open: ({ own }) => tokenOf('json', own) },
  { id: 'token-client', auth_strategy: 'dynamic_bearer', open: ({ own }) => tokenOf('client', own) },
  { id: 'token-refresh', auth_strategy: 'dynamic_bearer', open: ({ own }) => tokenOf('refresh', own) },
  { id: 'token-turbo', auth_strategy: 'dynamic_bearer', open: ({ own }) => tokenOf('turbo', own) },
  { id: 'token-get', auth_strategy: 'dynamic_bearer', open: ({ own }) => tokenOf('basic-get', own) },
  { id: 'token-post', auth_strategy: 'dynamic_bearer', open: ({ own }) => tokenOf('basic-post', own) },
  { id: 'session', auth_strategy: 'jsessionid', open: async () => session() },
  oauth2('client', 'client_credentials', 'client_secret_basic'),
  oauth2('client-post', 'client_credentials', 'client_secret_post'),
  oauth2('client-signed', 'client_credentials', 'private_key_jwt'),
  oauth2('refresh', 'refresh_token', 'client_secret_basic'),
  oauth2('refresh-public', 'refresh_token', 'none'),
  oauth2('exchange', 'token-exchange', 'client_secret_basic'),
  oauth2('assertion', 'jwt-bearer', 'client_secret_basic'),
  oauth2('consent', 'authorization_code', 'client_secret_basic'),
  oauth2('consent-new', 'authorization_code'),
];

async function tokenOf(form, own) {
  const { forms } = await startTokenService({ own });
  const { auth, admits, end } = forms.find(({ id }) => id === form);
  return { auth, end, check: ({ headers }) => admits(headers.authorization) };
}

/** Without `client` the composer registers itself. A person has to connect a member with `authorization_code`. */
export function oauth2(id, grant, client) {
  const open = async ({ own, redirectUri }) => {
    const { auth, admits, end } = await startAuthorizationServer({ own, grant, client, redirectUri });
    return { auth, end, check: ({ headers }) => admits(headers.authorization) };
  };
  return { id, auth_strategy: 'oauth2', grant, client, needsPerson: grant === 'authorization_code', open };
}

function session() {
  const { auth, answer, admits, end } = sessionLogin({ apiPath: '/hello' });
  return { auth, answer, end, check: admits };
}

/** The headers, query parameters and cookies of a request that carry a credential: their names, never their values. */
export function credentialsIn({ headers, query: parameters }) {
  const seen = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'authorization') seen.push(`authorization: ${value.split(' ')[0]} …`);
    else if (name === 'cookie') seen.push(`cookie: ${value.replaceAll(/=[^;]*/g, '=…')}`);
    else if (/^x-/.test(name)) seen.push(`${name}: …`);
  }
  for (const name of parameters.keys()) if (name !== 'name') seen.push(`query: ${name}=…`);
  return seen.length === 0 ? 'no credential' : seen.join(', ');
}
