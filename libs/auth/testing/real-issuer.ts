import { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { originServer } from '#egress/testing';
import { type CryptoKey, type JWK, exportJWK, exportPKCS8, generateKeyPair, jwtVerify } from 'jose';
import type Provider from 'oidc-provider';
import type { ClientMetadata, Configuration, KoaContextWithOIDC } from 'oidc-provider';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const SECRET = 'the-secret-of-a-client+with/signs%20';
const NONCE_SECRET = Buffer.alloc(32, 'n');
const REDIRECT = 'http://127.0.0.1:9000/connect/callback';
const ALL = ['client_credentials', 'refresh_token', 'authorization_code', TOKEN_EXCHANGE, JWT_BEARER];

export interface RecordedTokenRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly form: URLSearchParams;
}

export interface RealIssuerOptions {
  readonly redirectUri?: string;
  /** Added to the configuration of the provider. */
  readonly configuration?: Configuration;
  /** Every proof has to hold a nonce (RFC 9449, 8 and 9). */
  readonly wantsNonces?: boolean;
}

/**
 * A certified OpenID provider on loopback that knows every grant. Clients are named after the way in which they
 * authenticate: `basic`, `post`, `public`; the one that signs is registered. Its tokens are opaque, last 300 seconds, and refresh tokens rotate; one
 * that comes twice ends its grant.
 */
export interface RealIssuer {
  readonly issuer: string;
  readonly secret: string;
  /** Name of the client that authenticates by `private_key_jwt`. */
  readonly signedClient: string;
  /** Private key of that client, and of whoever signs assertions for `JWT_BEARER`, as PEM. */
  readonly privateKey: string;
  readonly requests: readonly RecordedTokenRequest[];
  /** Whether a member would take the token: it was given, for long enough, and not revoked. */
  takes(authorization: string | undefined): boolean;
  /** From now on no token that was given so far is taken. */
  expireAll(): void;
  /** A refresh token of a person for a client. */
  refreshToken(client: string): Promise<string>;
  /** Whether a refresh token, or an access token, is still good. */
  isGood(token: string): Promise<boolean>;
  /** A person with a browser: signs in, consents, and comes back with this address. */
  consent(authorizationUrl: string): Promise<URL>;
  stop(): Promise<void>;
}

export async function startRealIssuer(options: RealIssuerOptions = {}): Promise<RealIssuer> {
  const late: { listener?: RequestListener } = {};
  const requests: RecordedTokenRequest[] = [];
  const server = await originServer((request, response) => late.listener?.(request, response));
  const issuer = server.url;
  const signer = await generateKeyPair('ES256', { extractable: true });
  const signerJwk = { ...(await exportJWK(signer.publicKey)), alg: 'ES256', kid: 'of-the-client', use: 'sig' } as JWK;
  const provider = await providerAt(issuer, { ...options, signer: signer.publicKey });
  provider.on('server_error', (_context, error) => console.error('the provider failed', error));
  /** Tokens, with the grants that they were given by. */
  const live = new Map<string, string | undefined>();
  provider.on('access_token.saved', ({ jti, grantId }) => void live.set(jti, grantId));
  provider.on('client_credentials.saved', ({ jti }) => void live.set(jti, undefined));
  provider.on('grant.revoked', (_context, revoked) => {
    for (const [jti, grantId] of live) if (grantId === revoked) live.delete(jti);
  });
  provider.on('access_token.destroyed', ({ jti }) => void live.delete(jti));
  provider.on('client_credentials.destroyed', ({ jti }) => void live.delete(jti));
  const serve = provider.callback();
  late.listener = (request, response) => {
    if (request.url?.startsWith('/interaction/')) return void signIn(provider, request, response);
    if (/^\/token/.test(request.url ?? '')) record(request, requests);
    void serve(request, response);
  };
  return {
    issuer,
    secret: SECRET,
    signedClient: await register(issuer, signerJwk, options.redirectUri),
    privateKey: await exportPKCS8(signer.privateKey),
    requests,
    takes: (authorization) => live.has(authorization?.replace(/^(Bearer|DPoP) /, '') ?? ''),
    expireAll: () => live.clear(),
    async refreshToken(client) {
      const grant = new provider.Grant({ accountId: 'ada', clientId: client });
      grant.addOIDCScope('openid offline_access things');
      const grantId = await grant.save();
      const found = (await provider.Client.find(client))!;
      const scope = 'openid offline_access things';
      const token = new provider.RefreshToken({
        client: found,
        accountId: 'ada',
        grantId,
        gty: 'authorization_code',
        scope,
      });
      return token.save();
    },
    async isGood(token) {
      const [access, refresh] = await Promise.all([
        provider.AccessToken.find(token),
        provider.RefreshToken.find(token),
      ]);
      return access !== undefined || (refresh !== undefined && refresh.isValid);
    },
    consent: (url) => walk(url, issuer),
    stop: () => server.close(),
  };
}

async function providerAt(
  issuer: string,
  { redirectUri, configuration, wantsNonces = false, signer }: RealIssuerOptions & { readonly signer: CryptoKey },
): Promise<Provider> {
  // Loaded here, so that nobody waits for it who does not use it.
  const { default: OidcProvider } = await import('oidc-provider');
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'ES256', kid: 'fixture' };
  const client = (client_id: string, more: object): ClientMetadata => ({
    client_id,
    grant_types: ALL,
    response_types: ['code'],
    redirect_uris: [redirectUri ?? REDIRECT],
    application_type: 'native',
    scope: 'openid offline_access things',
    ...more,
  });
  const provider = new OidcProvider(issuer, {
    jwks: { keys: [key] as never },
    cookies: { keys: ['fixture'] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'], clientAuthSigningAlgValues: ['ES256'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    scopes: ['openid', 'offline_access', 'things'],
    clients: [
      client('basic', { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_basic' }),
      client('post', { client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' }),
      client('public', {
        token_endpoint_auth_method: 'none',
        grant_types: ALL.filter((grant) => grant !== 'client_credentials'),
      }),
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      registration: { enabled: true },
      dPoP: wantsNonces ? { enabled: true, nonceSecret: NONCE_SECRET, requireNonce: () => true } : { enabled: true },
    },
    ttl: { AccessToken: 300, ClientCredentials: 300 },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    ...configuration,
  });
  const exchange = new Set(['subject_token', 'subject_token_type', 'actor_token', 'audience', 'scope', 'resource']);
  provider.registerGrantType(TOKEN_EXCHANGE, (context) => giveFor(provider, context, 'subject_token'), exchange);
  provider.registerGrantType(
    JWT_BEARER,
    async (context) => {
      await jwtVerify(String(context.oidc.params['assertion']), signer, { audience: issuer });
      await giveFor(provider, context, 'assertion');
    },
    new Set(['assertion', 'scope', 'resource']),
  );
  return provider;
}

/** Over HTTP: the provider copies its settings, and takes no key set that was copied out of the world of a test. */
async function register(issuer: string, key: JWK, redirectUri = REDIRECT): Promise<string> {
  const client = {
    grant_types: ALL,
    response_types: ['code'],
    redirect_uris: [redirectUri],
    application_type: 'native',
    scope: 'openid offline_access things',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [key] },
  };
  const body = JSON.stringify(client);
  const answer = await fetch(`${issuer}/reg`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  if (!answer.ok) throw new Error(`/reg answered ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { client_id: string }).client_id;
}

/** The handlers of oidc-provider's own grants do the same, with more checks. */
async function giveFor(provider: Provider, context: KoaContextWithOIDC, parameter: string): Promise<void> {
  const { client, params } = context.oidc;
  if (typeof params?.[parameter] !== 'string') throw new Error(`${parameter} is missing`);
  const token = new provider.ClientCredentials({ client: client!, scope: 'things' });
  const access_token = await token.save();
  const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token';
  context.body = { access_token, token_type: 'Bearer', expires_in: token.expiration, issued_token_type };
}

function record(request: IncomingMessage, requests: RecordedTokenRequest[]): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    requests.push({ path: request.url ?? '', authorization: request.headers.authorization, form });
  });
}

async function signIn(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params, grantId } = await provider.interactionDetails(request, response);
  const grant =
    (grantId === undefined ? undefined : await provider.Grant.find(grantId)) ??
    new provider.Grant({ accountId: 'ada', clientId: String(params['client_id']) });
  if (typeof params['scope'] === 'string') grant.addOIDCScope(params['scope']);
  const result = { login: { accountId: 'ada' }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result);
}

/** As much of a browser as it takes: cookies, and redirects one at a time, until it is sent elsewhere. */
async function walk(start: string, issuer: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  for (let hops = 0; url.origin === issuer && hops < 10; hops += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';')[0]!.split('=');
      cookies.set(name, value);
    }
    const next = answer.headers.get('location');
    if (next === null)
      throw new Error(`${url.pathname} sends nowhere, status ${answer.status}: ${await answer.text()}`);
    url = new URL(next, url);
  }
  return url;
}
