import { DEFAULT_SLUG } from '../edge/mcp-resource.js';

/** A route of a tenant's authorization server. */
export interface IssuerPath {
  readonly tenantSlug: string;
  /** `provider`: served by oidc-provider. `consent`: the page that asks a person. */
  readonly kind: 'provider' | 'consent';
  /** The route below the issuer identifier. */
  readonly route: string;
}

interface IssuerRoute {
  readonly kind: IssuerPath['kind'];
  /** With parameters as `:name`. */
  readonly path: string;
}

const PARAMETERS = {
  tenant: '(?<tenant>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)',
  uid: '[\\w-]{1,64}',
} as const;
const PROVIDER = ['/authorize', '/authorize/:uid', '/token', '/register', '/jwks', '/revoke'];
const OPENID = '/.well-known/openid-configuration';

/** Each one without a tenant, for the default one, and below a tenant's issuer identifier. */
const ROUTES: readonly IssuerRoute[] = [
  ...PROVIDER.flatMap((route) => ofEveryTenant('provider', route)),
  ...ofEveryTenant('consent', '/auth/consent/:uid'),
  // RFC 8414, 3.1, and OpenID Connect Discovery 1.0, 4.1; MCP clients try all three forms.
  ...ofEveryTenant('provider', OPENID),
  ...['/.well-known/oauth-authorization-server', `${OPENID}/t/:tenant`].map(provided),
  provided('/.well-known/oauth-authorization-server/t/:tenant'),
];
const FORMS = ROUTES.map(({ kind, path }) => ({ kind, form: formOf(path) }));

/** The paths of all routes, with parameters as `:name`; there are no others. */
export const ISSUER_PATHS: readonly string[] = ROUTES.map(({ path }) => path);

/** Exact, letter by letter: nothing is decoded, and what some other reader would take for such a path is none. */
export function parseIssuerPath(path: string): IssuerPath | undefined {
  for (const { kind, form } of FORMS) {
    const match = form.exec(path);
    if (match) return issuerPath(kind, path, match.groups?.['tenant']);
  }
  return undefined;
}

/** The default tenant's issuer is the one without a path, and has no second name. */
function issuerPath(kind: IssuerPath['kind'], path: string, slug: string | undefined): IssuerPath | undefined {
  if (slug === undefined) return { kind, route: path, tenantSlug: DEFAULT_SLUG };
  return slug === DEFAULT_SLUG ? undefined : { kind, route: path.replace(`/t/${slug}`, ''), tenantSlug: slug };
}

function ofEveryTenant(kind: IssuerPath['kind'], route: string): IssuerRoute[] {
  return ['', '/t/:tenant'].map((prefix) => ({ kind, path: prefix + route }));
}

function provided(path: string): IssuerRoute {
  return { kind: 'provider', path };
}

function formOf(path: string): RegExp {
  const pattern = path
    .replaceAll('.', '\\.')
    .replace(/:(tenant|uid)/g, (_, name: keyof typeof PARAMETERS) => PARAMETERS[name]);
  return new RegExp(`^${pattern}$`);
}
