import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

/*
 * A certified OpenID provider on loopback, with one client, that gives tokens by every grant which needs no person at hand.
 */

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const SCOPE = 'openid offline_access';

/**
 * `own` is told how to stop it. `forms` names the grants; each has the settings of a member, `admits`, which tells whether
 * an `Authorization` header carries a live token, and `end`, after which none that was given is live.
 */
export async function startAuthorizationServer({ own }) {
  const { default: Provider } = await quietly(() => import('oidc-provider'));
  const { jwtVerify } = await import('jose');
  const server = createServer();
  own(async () => {
    server.close();
    server.closeAllConnections();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const client = { client_id: 'composer', client_secret: randomBytes(18).toString('base64url') };
  const provider = await quietly(() => new Provider(issuer, settingsFor(client)));

  const live = new Set();
  provider.on('access_token.saved', ({ jti }) => live.add(jti));
  provider.on('client_credentials.saved', ({ jti }) => live.add(jti));
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  provider.registerGrantType(TOKEN_EXCHANGE, (context) => give(provider, context, 'subject_token'), [
    ...['subject_token', 'subject_token_type'],
  ]);
  const checked = async (context) => {
    await jwtVerify(context.oidc.params.assertion, signer.publicKey, { audience: issuer, subject: 'ada' });
    await give(provider, context, 'assertion');
  };
  provider.registerGrantType(JWT_BEARER, checked, ['assertion']);
  server.on('request', provider.callback());

  const found = { ...client, issuer_url: issuer };
  const forms = {
    client_credentials: { ...found, token_url: `${issuer}/token`, client_authentication: 'client_secret_basic' },
    refresh_token: { ...found, refresh_token: await quietly(() => refreshToken(provider, client)) },
    'token-exchange': { ...found, grant_type: 'token-exchange', subject_token: randomBytes(18).toString('base64url') },
    'jwt-bearer': {
      ...found,
      grant_type: 'jwt-bearer',
      private_key: signer.privateKey.export({ format: 'pem', type: 'pkcs8' }),
      assertion_subject: 'ada',
    },
  };
  return {
    forms,
    admits: (authorization = '') => live.has(authorization.replace(/^Bearer /, '')),
    end: () => live.clear(),
  };
}

function settingsFor(client) {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  return {
    jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256', kid: 'demo' }] },
    cookies: { keys: ['demo'] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    clients: [
      {
        ...client,
        grant_types: ['client_credentials', 'refresh_token', 'authorization_code', TOKEN_EXCHANGE, JWT_BEARER],
        response_types: ['code'],
        redirect_uris: ['http://127.0.0.1/callback'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
    },
    ttl: { AccessToken: 300, ClientCredentials: 300, IdToken: 300, RefreshToken: 3600, Grant: 3600 },
    rotateRefreshToken: true,
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  };
}

/** As if somebody had given consent before. */
async function refreshToken(provider, { client_id }) {
  const grant = new provider.Grant({ accountId: 'ada', clientId: client_id });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save();
  const client = await provider.Client.find(client_id);
  return new provider.RefreshToken({
    client,
    accountId: 'ada',
    grantId,
    scope: SCOPE,
    gty: 'authorization_code',
  }).save();
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
