import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { URLSearchParams } from 'node:url';
import { askPerson } from './sign-in-page.mjs';

/*
 * A certified OpenID provider on loopback that gives tokens by every grant, to clients that show who they are in every
 * way. What comes to its token endpoint is compared with what the grant and the client want, byte by byte.
 */

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const CLIENT_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const GRANTS = ['client_credentials', 'refresh_token', 'authorization_code', TOKEN_EXCHANGE, JWT_BEARER];
const SCOPE = 'openid offline_access';
const MOST_BODY = 64 * 1024;
/** Some text: the provider checks it by keys or by what it remembers. */
const CHECKED_ELSEWHERE = /^\S+$/;
const fresh = () => randomBytes(18).toString('base64url');

/**
 * `own` is told how to stop it. Gives `auth`, the settings of a member; `admits`, which tells whether an `Authorization`
 * header carries a live token and all of them were asked for as they should be; and `end`, after which none is live.
 * @param grant by its short name
 * @param client how it shows who it is; undefined: it registers itself
 * @param redirectUri where people are sent back to, for consent
 */
export async function startAuthorizationServer({ own, grant, client, redirectUri }) {
  const { default: Provider } = await quietly(() => import('oidc-provider'));
  const server = createServer();
  own(async () => {
    server.close();
    server.closeAllConnections();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const known = { id: 'composer', secret: fresh(), way: client, keys };
  const provider = await quietly(() => new Provider(issuer, settingsFor(known, redirectUri)));
  await addGrants(provider, { issuer, keys });

  const live = new Set();
  let refreshToken = grant === 'refresh_token' ? await quietly(() => refreshTokenFor(provider, known.id)) : undefined;
  provider.on('access_token.saved', ({ jti }) => live.add(jti));
  provider.on('client_credentials.saved', ({ jti }) => live.add(jti));
  provider.on('refresh_token.saved', ({ jti }) => (refreshToken = jti));

  const subject_token = fresh();
  const auth = {
    ...settingsOf[grant]({ refresh_token: refreshToken, subject_token, keys }),
    ...(client === undefined ? {} : clientSettings(known)),
    issuer_url: issuer,
  };
  const wrong = [];
  const serve = provider.callback();
  server.on('request', (request, response) => {
    if (request.url.startsWith('/interaction/')) return askPerson(provider, request, response);
    if (request.method === 'POST' && request.url === '/token') {
      const given = { refresh_token: refreshToken, subject_token };
      whenRead(request, (form) => wrong.push(...differing(request, form, wanted(known, given, redirectUri))));
    }
    return serve(request, response);
  });
  return {
    auth,
    admits: (authorization = '') => wrong.length === 0 && live.has(authorization.replace(/^Bearer /, '')),
    end: () => live.clear(),
  };
}

/** Of a member, for each grant. */
const settingsOf = {
  client_credentials: () => ({ grant_type: 'client_credentials' }),
  refresh_token: ({ refresh_token }) => ({ grant_type: 'refresh_token', refresh_token }),
  authorization_code: () => ({ grant_type: 'authorization_code', scope: SCOPE }),
  'token-exchange': ({ subject_token }) => ({ grant_type: 'token-exchange', subject_token }),
  'jwt-bearer': ({ keys }) => ({ grant_type: 'jwt-bearer', private_key: pem(keys), assertion_subject: 'ada' }),
};

/** For each way in which a client shows who it is. */
function clientSettings({ id, secret, way, keys }) {
  const isSecret = way.startsWith('client_secret');
  return {
    client_id: id,
    client_authentication: way,
    ...(isSecret ? { client_secret: secret } : {}),
    ...(way === 'private_key_jwt' ? { private_key: pem(keys) } : {}),
  };
}

/** What a token request has to be made of, whatever its grant. */
function wanted({ id, secret, way }, { refresh_token, subject_token }, redirect_uri) {
  const identity = {
    client_secret_basic: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    client_secret_post: { fields: { client_id: id, client_secret: secret } },
    private_key_jwt: {
      fields: { client_id: id, client_assertion: CHECKED_ELSEWHERE, client_assertion_type: CLIENT_ASSERTION },
    },
    none: { fields: { client_id: id } },
    undefined: { fields: { client_id: CHECKED_ELSEWHERE } },
  }[way];
  const grants = {
    client_credentials: {},
    refresh_token: { refresh_token },
    authorization_code: { code: CHECKED_ELSEWHERE, code_verifier: CHECKED_ELSEWHERE, redirect_uri },
    [TOKEN_EXCHANGE]: { subject_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
    [JWT_BEARER]: { assertion: CHECKED_ELSEWHERE },
  };
  return { identity, grants };
}

/** The names of what differs; never a value. */
function differing({ headers }, form, { identity: { authorization, fields = {} }, grants }) {
  const grant_type = form.get('grant_type');
  const wants = { grant_type, ...fields, ...grants[grant_type] };
  const isRight = (name) => {
    const [value, ...more] = form.getAll(name);
    const want = wants[name];
    return more.length === 0 && (want instanceof RegExp ? want.test(value ?? '') : want === value);
  };
  const names = new Set([...form.keys(), ...Object.keys(wants)]);
  const wrong = [...names].filter((name) => !isRight(name));
  return headers.authorization === authorization ? wrong : ['authorization', ...wrong];
}

/** While the provider reads it too. */
function whenRead(request, tell) {
  let body = '';
  request.on('data', (chunk) => (body.length < MOST_BODY ? (body += chunk) : undefined));
  request.on('end', () => tell(new URLSearchParams(body)));
}

function settingsFor({ id, secret, way, keys }, redirectUri) {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const isSecret = way?.startsWith('client_secret') ?? false;
  const client = {
    client_id: id,
    token_endpoint_auth_method: way,
    grant_types: GRANTS.filter((grant) => way !== 'none' || grant !== 'client_credentials'),
    response_types: ['code'],
    redirect_uris: [redirectUri],
    ...(isSecret ? { client_secret: secret } : {}),
    ...(way === 'private_key_jwt' ? { jwks: { keys: [publicKey(keys)] } } : {}),
  };
  return {
    jwks: { keys: [{ ...own, use: 'sig', alg: 'ES256', kid: 'demo' }] },
    cookies: { keys: [fresh()] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'], clientAuthSigningAlgValues: ['ES256'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    clients: way === undefined ? [] : [client],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      registration: { enabled: way === undefined },
      revocation: { enabled: true },
    },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: {
      ...{ AccessToken: 300, AuthorizationCode: 60, ClientCredentials: 300, IdToken: 300 },
      ...{ RefreshToken: 3600, Grant: 3600, Interaction: 600, Session: 3600 },
    },
    rotateRefreshToken: true,
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  };
}

const pem = ({ privateKey }) => privateKey.export({ format: 'pem', type: 'pkcs8' });
const publicKey = (keys) => ({ ...keys.publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'client' });

/** Two grants that the provider does not know by itself. */
async function addGrants(provider, { issuer, keys }) {
  const { jwtVerify } = await import('jose');
  const exchange = (context) => give(provider, context, 'subject_token');
  const assert = async (context) => {
    await jwtVerify(context.oidc.params.assertion, keys.publicKey, { audience: issuer, subject: 'ada' });
    await give(provider, context, 'assertion');
  };
  provider.registerGrantType(TOKEN_EXCHANGE, exchange, ['subject_token', 'subject_token_type']);
  provider.registerGrantType(JWT_BEARER, assert, ['assertion']);
}

/** As if somebody had given consent before. */
async function refreshTokenFor(provider, clientId) {
  const grant = new provider.Grant({ accountId: 'ada', clientId });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save();
  const client = await provider.Client.find(clientId);
  const token = { client, accountId: 'ada', grantId, scope: SCOPE, gty: 'authorization_code' };
  return new provider.RefreshToken(token).save();
}

async function give(provider, context, parameter) {
  const { client, params } = context.oidc;
  if (!params[parameter]) throw new Error(`${parameter} is missing`);
  const token = new provider.ClientCredentials({ client });
  context.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration };
}

/** The provider tells on the console what is missing for production; the demo's output is for its table. */
async function quietly(work) {
  const { info, warn } = console;
  console.info = console.warn = () => undefined;
  try {
    return await work();
  } finally {
    Object.assign(console, { info, warn });
  }
}
