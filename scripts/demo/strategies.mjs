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
 * and gives `auth` and `check`, `answer` for requests that are not calls, and `end`, which ends what was given.
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
  { id: 'iam', auth_strategy: 'dynamic_bearer', open: (own) => tokenOf('iam', own) },
  { id: 'iam-json', auth_strategy: 'dynamic_bearer', open: (own) => tokenOf('json', own) },
  { id: 'session', auth_strategy: 'jsessionid', open: async () => session() },
  { id: 'client', auth_strategy: 'oauth2', open: (own) => grantOf('client_credentials', own) },
  { id: 'refresh', auth_strategy: 'oauth2', open: (own) => grantOf('refresh_token', own) },
  { id: 'exchange', auth_strategy: 'oauth2', open: (own) => grantOf('token-exchange', own) },
  { id: 'assertion', auth_strategy: 'oauth2', open: (own) => grantOf('jwt-bearer', own) },
];

async function tokenOf(form, own) {
  const { forms } = await startTokenService({ own });
  const { auth, admits, end } = forms.find(({ id }) => id === form);
  return { auth, end, check: ({ headers }) => admits(headers.authorization) };
}

async function grantOf(form, own) {
  const { forms, admits, end } = await startAuthorizationServer({ own });
  return { auth: forms[form], end, check: ({ headers }) => admits(headers.authorization) };
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
