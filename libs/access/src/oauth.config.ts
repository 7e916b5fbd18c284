import { ConfigError, configSlice } from '#config';
import { parseUrl } from '#kernel';
import { z } from 'zod';
import type { IssuerSettings } from './issuers/issuer.store.js';

export interface OauthConfig {
  /** The issuer of the default tenant that the environment describes; absent if it describes none. */
  readonly issuer?: IssuerSettings;
  /** Where its metadata is, if that was told; it decides how the issuer spells itself. */
  readonly configUrl?: string;
  readonly clientSecret?: string;
  /** Where the identity provider sends people back to: a path from the root. */
  readonly callbackPath: string;
  /** Names of scopes at that issuer that together mean `mcp`; empty if it knows `mcp` itself. */
  readonly mcpScopes: readonly string[];
}

/** What the identity provider is called in the environment, and what then goes without saying. */
const PROVIDERS: Readonly<Record<string, { readonly configUrl?: string }>> = {
  oidc: {},
  azure: {},
  aws: {},
  google: { configUrl: 'https://accounts.google.com/.well-known/openid-configuration' },
};
const NO_OPENID = ['github'];

/** Asymmetric ones that OpenID providers sign with; a secret that both sides know proves nothing to a third. */
export const USUAL_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;

const DEFAULT_CALLBACK_PATH = '/auth/callback';
const DEFAULT_PROVIDER_SCOPE = 'openid profile email';
const CALLBACK_PATH = /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/;
const WELL_KNOWN = /\/\.well-known\/(?:openid-configuration|oauth-authorization-server)/;

const flag = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(z.enum(['true', '1', 'yes', 'on', 'false', '0', 'no', 'off'], 'must be True or False'))
  .transform((text) => ['true', '1', 'yes', 'on'].includes(text));
const url = z.url({ protocol: /^https?$/, error: 'is not an http or https URL' });

const schema = z.object({
  ENABLE_OAUTH: flag.optional(),
  OAUTH_PROVIDER: z.string().optional(),
  OAUTH_CLIENT_ID: z.string().optional(),
  OAUTH_CLIENT_SECRET: z.string().optional(),
  OAUTH_CONFIG_URL: url.optional(),
  OAUTH_AUTH_URL: url.optional(),
  OAUTH_TOKEN_URL: url.optional(),
  OAUTH_INTROSPECTION_URL: url.optional(),
  OAUTH_CALLBACK_PATH: z.string().optional(),
  OAUTH_MCP_SCOPE: z.string().optional(),
  OAUTH_PROVIDER_SCOPE: z.string().optional(),
});

type Values = z.infer<typeof schema>;

/** The composer-level OAuth variables: they describe one issuer of the default tenant, and how people sign in there. */
export const oauthConfig = configSlice('oauth', schema, (values): OauthConfig => {
  const problems: string[] = [];
  const callbackPath = callbackOf(values.OAUTH_CALLBACK_PATH);
  if (!callbackPath) problems.push('OAUTH_CALLBACK_PATH: is no plain path, and no URL with one');
  const provider = (values.OAUTH_PROVIDER ?? 'oidc').toLowerCase();
  if (NO_OPENID.includes(provider)) {
    problems.push('OAUTH_PROVIDER: this one is no OpenID provider and tells nobody who signs in; put one before it');
  } else if (!Object.hasOwn(PROVIDERS, provider)) {
    problems.push(`OAUTH_PROVIDER: must be one of ${Object.keys(PROVIDERS).join(', ')}`);
  }
  const filled = { ...values, OAUTH_CONFIG_URL: values.OAUTH_CONFIG_URL ?? configUrlOf(provider, values) };
  if (values.ENABLE_OAUTH === true) problems.push(...missing(filled));
  if (problems.length > 0 || !callbackPath) throw new ConfigError(problems);

  const issuer = values.ENABLE_OAUTH === false ? undefined : issuerOf(filled);
  return {
    ...(issuer ? { issuer } : {}),
    ...(issuer && filled.OAUTH_CONFIG_URL !== undefined ? { configUrl: filled.OAUTH_CONFIG_URL } : {}),
    ...(issuer && values.OAUTH_CLIENT_SECRET !== undefined ? { clientSecret: values.OAUTH_CLIENT_SECRET } : {}),
    callbackPath,
    mcpScopes: words(values.OAUTH_MCP_SCOPE ?? ''),
  };
});

/** A provider's own address counts only where the environment names no other one. */
function configUrlOf(provider: string, { OAUTH_AUTH_URL, OAUTH_CLIENT_ID }: Values): string | undefined {
  const isNamed = OAUTH_AUTH_URL === undefined && OAUTH_CLIENT_ID !== undefined;
  return isNamed && Object.hasOwn(PROVIDERS, provider) ? PROVIDERS[provider]?.configUrl : undefined;
}

function missing(values: Values): string[] {
  const needed: (keyof Values)[] = ['OAUTH_CLIENT_ID', 'OAUTH_CLIENT_SECRET'];
  if (values.OAUTH_CONFIG_URL === undefined) {
    if (values.OAUTH_AUTH_URL === undefined && values.OAUTH_TOKEN_URL === undefined) needed.push('OAUTH_CONFIG_URL');
    else needed.push('OAUTH_AUTH_URL', 'OAUTH_TOKEN_URL');
  }
  const absent = needed.filter((name) => values[name] === undefined);
  return absent.map((name) => `${name}: is needed with ENABLE_OAUTH=True`);
}

function issuerOf(values: Values): IssuerSettings | undefined {
  const { OAUTH_CLIENT_ID, OAUTH_CONFIG_URL, OAUTH_AUTH_URL, OAUTH_TOKEN_URL, OAUTH_INTROSPECTION_URL } = values;
  const known = OAUTH_CONFIG_URL ?? OAUTH_AUTH_URL ?? OAUTH_INTROSPECTION_URL;
  if (known === undefined || OAUTH_CLIENT_ID === undefined) return undefined;
  const canSignIn = OAUTH_CONFIG_URL !== undefined || (OAUTH_AUTH_URL !== undefined && OAUTH_TOKEN_URL !== undefined);
  return {
    issuer: OAUTH_CONFIG_URL === undefined ? new URL(known).origin : issuerAt(OAUTH_CONFIG_URL),
    kind: OAUTH_INTROSPECTION_URL === undefined ? 'jwt' : 'introspection',
    audiences: [],
    algorithms: [...USUAL_ALGORITHMS],
    client_id: OAUTH_CLIENT_ID,
    role_map: {},
    default_roles: ['caller'],
    ...(OAUTH_INTROSPECTION_URL === undefined ? {} : { introspection_url: OAUTH_INTROSPECTION_URL }),
    ...(canSignIn
      ? {
          sign_in: {
            ...(OAUTH_AUTH_URL === undefined ? {} : { authorization_url: OAUTH_AUTH_URL }),
            ...(OAUTH_TOKEN_URL === undefined ? {} : { token_url: OAUTH_TOKEN_URL }),
            scope: values.OAUTH_PROVIDER_SCOPE ?? DEFAULT_PROVIDER_SCOPE,
          },
        }
      : {}),
  };
}

/**
 * The issuer whose metadata stands there: OpenID Connect Discovery 1.0, 4, appends the well-known path, RFC 8414, 3.1,
 * puts it before the issuer's own path. Neither tells whether the issuer ends with a slash.
 */
function issuerAt(configUrl: string): string {
  const { origin, pathname } = new URL(configUrl);
  return `${origin}${pathname.replace(WELL_KNOWN, '').replace(/\/+$/, '')}`;
}

/** A full URL stands for its path: that is how some write it. */
function callbackOf(text: string | undefined): string | undefined {
  if (text === undefined) return DEFAULT_CALLBACK_PATH;
  const path = text.startsWith('/') ? text : parseUrl(text)?.pathname;
  return path !== undefined && CALLBACK_PATH.test(path) ? path : undefined;
}

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word.length > 0);
