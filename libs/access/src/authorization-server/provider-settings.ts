import { type PrincipalId, principalId } from '#kernel';
import { SCOPES } from '#tenancy';
import type { Configuration, KoaContextWithOIDC, errors as LibraryErrors, interactionPolicy } from 'oidc-provider';
import type { LiveGrant } from './grants/grant-ledger.js';
import { html, pageAnswer } from '#pages';
import { redirectUriFault } from './redirect-uri.js';
import { type KeySet, SIGNING_ALGORITHM } from './tenant-keys.js';

export interface SettingsParts {
  readonly issuer: string;
  readonly tenantId: string;
  readonly isSecure: boolean;
  /** Tells the cookies of one tenant from those of another one on the same host. */
  readonly slug: string;
  readonly keys: KeySet;
  readonly library: { readonly errors: typeof LibraryErrors; readonly interactionPolicy: typeof interactionPolicy };
  readonly adapter: NonNullable<Configuration['adapter']>;
  readonly fetch: NonNullable<Configuration['fetch']>;
  readonly defaultResource: string;
  isResource(resource: string): boolean;
  grant(grantId: string): Promise<LiveGrant | undefined>;
  client(clientId: string): Promise<LiveGrant | undefined>;
  /** Whether the principal is let in, with what was issued at that time. */
  isLetIn(id: PrincipalId, issuedAt?: Date): Promise<boolean>;
}

export const ACCESS_TOKEN_SECONDS = 600;
export const INTERACTION_SECONDS = 600;
/** A person is asked again after this long at the latest. */
export const GRANT_SECONDS = 90 * 86_400;
/** A client that has not come back within this time signs in anew. */
const REFRESH_TOKEN_SECONDS = 14 * 86_400;
const CODE_SECONDS = 60;
const DEFAULT_SCOPE = 'mcp';
const OFF = { enabled: false } as const;

/** How oidc-provider serves one tenant: OAuth 2.1 for MCP clients, and nothing besides. */
export function providerSettings(parts: SettingsParts): Configuration {
  const { errors } = parts.library;
  return {
    adapter: parts.adapter,
    fetch: parts.fetch,
    fetchResponseBodyLimits: {
      'client_id metadata document': 16 * 1024,
      jwks_uri: 64 * 1024,
      sector_identifier_uri: 1,
    },
    jwks: { keys: parts.keys.signing.map((key) => ({ ...key })) },
    clients: [],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: { id_token_signed_response_alg: SIGNING_ALGORITHM },
    enabledJWA: {
      idTokenSigningAlgValues: [SIGNING_ALGORITHM],
      clientAuthSigningAlgValues: ['ES256', 'PS256', 'RS256', 'EdDSA'],
    },
    scopes: [...SCOPES],
    claims: { openid: ['sub'] },
    responseTypes: ['code'],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    // Whoever gets here has passed the list of origins that holds for the whole composer.
    clientBasedCORS: () => true,
    cookies: cookies(parts),
    routes: {
      authorization: '/authorize',
      token: '/token',
      registration: '/register',
      jwks: '/jwks',
      revocation: '/revoke',
    },
    interactions: { policy: [alwaysAsk(parts)], url: (_, { uid }) => `${parts.issuer}/auth/consent/${uid}` },
    findAccount: async (_, sub, token) => {
      const { grantId, iiat, iat } = (token ?? {}) as { grantId?: string; iiat?: number; iat?: number };
      const issuedAt = iiat ?? iat;
      const isLive = grantId === undefined || (await parts.grant(grantId))?.principalId === sub;
      const at = issuedAt === undefined ? undefined : new Date(issuedAt * 1000);
      if (!isLive || !(await parts.isLetIn(principalId(sub), at))) return undefined;
      return { accountId: sub, claims: () => ({ sub }) };
    },
    loadExistingGrant: async ({ oidc }) => {
      const grantId = oidc.result?.consent?.grantId;
      return grantId === undefined ? undefined : oidc.provider.Grant.find(grantId);
    },
    extraTokenClaims: (_, token) => ({
      tenant: parts.tenantId,
      ...('grantId' in token && token.grantId !== undefined ? { grant: token.grantId } : {}),
    }),
    expiresWithSession: () => false,
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: () => true,
    revokeGrantPolicy: () => true,
    ttl: {
      AccessToken: ACCESS_TOKEN_SECONDS,
      ClientCredentials: ACCESS_TOKEN_SECONDS,
      AuthorizationCode: CODE_SECONDS,
      IdToken: ACCESS_TOKEN_SECONDS,
      Interaction: INTERACTION_SECONDS,
      Session: INTERACTION_SECONDS,
      RefreshToken: REFRESH_TOKEN_SECONDS,
      Grant: GRANT_SECONDS,
    },
    features: {
      devInteractions: OFF,
      dPoP: OFF,
      userinfo: OFF,
      rpInitiatedLogout: OFF,
      pushedAuthorizationRequests: OFF,
      clientCredentials: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_, client, token) => client.clientId === token.clientId },
      registration: { enabled: true, initialAccessToken: false, issueRegistrationAccessToken: false },
      clientIdMetadataDocument: {
        enabled: true,
        ack: 'draft-02',
        cacheDuration: { min: 60, max: 3_600 },
        allowClient: (_, client) => (client.redirectUris ?? []).every((uri) => redirectUriFault(uri) === undefined),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, _client, oneOf) => (oneOf === undefined ? parts.defaultResource : [...oneOf]),
        useGrantedResource: () => true,
        getResourceServerInfo: async (ctx, resource) => {
          if (!parts.isResource(resource)) throw new errors.InvalidTarget('this is no MCP endpoint of the tenant');
          await admit(ctx, parts);
          return {
            scope: SCOPES.join(' '),
            audience: resource,
            accessTokenTTL: ACCESS_TOKEN_SECONDS,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: SIGNING_ALGORITHM } },
          };
        },
      },
    },
    renderError: (ctx, out) => {
      const text = out.error_description ?? out.error;
      const answer = pageAnswer({
        title: 'This sign-in cannot go on',
        body: html`<p>${text}</p>
          <p>Go back to the application and start again. Error: <code>${out.error}</code></p>`,
      });
      ctx.set(answer.headers);
      ctx.body = answer.text;
    },
  };
}

/**
 * Nobody is signed in on the strength of an earlier consent: each request asks a person, and sends them to their identity
 * provider, so that no client rides on what was said to another one.
 */
function alwaysAsk({ library }: SettingsParts): interactionPolicy.Prompt {
  const { Check, Prompt } = library.interactionPolicy;
  const isOpen = ({ oidc }: KoaContextWithOIDC): boolean => !(oidc.result?.consent && oidc.result.login);
  const check = new Check('not_asked', 'a person must agree and sign in', 'consent_required', isOpen);
  const policy = new Prompt({ name: 'consent', requestable: true }, check);
  return policy;
}

/** A scope for whoever names none (RFC 6749, 3.3), and nobody who acts for itself without a principal. */
async function admit({ oidc }: KoaContextWithOIDC, parts: SettingsParts): Promise<void> {
  const { params = {} } = oidc;
  const actsForItself = params['grant_type'] === 'client_credentials';
  if (actsForItself) {
    const live = await parts.client(oidc.client?.clientId ?? '');
    if (!live || !(await parts.isLetIn(live.principalId))) {
      throw new parts.library.errors.UnauthorizedClient('this client may not act for itself');
    }
  }
  if (actsForItself || oidc.route === 'authorization') params['scope'] ??= oidc.client?.scope ?? DEFAULT_SCOPE;
}

function cookies({ isSecure, slug, keys }: SettingsParts): NonNullable<Configuration['cookies']> {
  // RFC 6265bis, 4.1.3: `__Host-` needs the path `/`, which the two others do not have.
  const [host, secure] = isSecure ? ['__Host-', '__Secure-'] : ['', ''];
  const options = { httpOnly: true, sameSite: 'lax', secure: isSecure, signed: true, overwrite: true } as const;
  return {
    keys: [...keys.cookies],
    names: {
      session: `${host}mcpc_as_${slug}`,
      interaction: `${secure}mcpc_consent_${slug}`,
      resume: `${secure}mcpc_resume_${slug}`,
    },
    long: options,
    short: options,
  };
}
