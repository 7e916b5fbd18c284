import { DEFAULT_SLUG } from '../mcp-resource.js';

/** A route of a tenant's authorization server. */
export interface IssuerPath {
  readonly tenantSlug: string;
  /** `provider`: served by oidc-provider. `consent`: the page that asks a person. */
  readonly kind: 'provider' | 'consent';
  /** The route below the issuer identifier. */
  readonly route: string;
}

const SLUG = '([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)';
const ROUTE = new RegExp(`^(?:/t/${SLUG})?(/(?:authorize(?:/[\\w-]{1,64})?|token|register|jwks|revoke))$`);
const CONSENT = new RegExp(`^(?:/t/${SLUG})?(/auth/consent/[\\w-]{1,64})$`);
/** RFC 8414, 3.1, and OpenID Connect Discovery 1.0, 4.1; MCP clients try all three forms. */
const METADATA = [
  new RegExp(`^(/\\.well-known/(?:oauth-authorization-server|openid-configuration))(?:/t/${SLUG})?$`),
  new RegExp(`^/t/${SLUG}(/\\.well-known/openid-configuration)$`),
] as const;

/** Exact, letter by letter: nothing is decoded, and what some other reader would take for such a path is none. */
export function parseIssuerPath(path: string): IssuerPath | undefined {
  const consent = CONSENT.exec(path);
  if (consent) return of('consent', consent[2]!, consent[1]);
  const route = ROUTE.exec(path);
  if (route) return of('provider', route[2]!, route[1]);
  const [inserted, appended] = METADATA.map((form) => form.exec(path));
  if (inserted) return of('provider', inserted[1]!, inserted[2]);
  return appended ? of('provider', appended[2]!, appended[1]) : undefined;
}

/** The default tenant's issuer is the one without a path, and has no second name. */
function of(kind: IssuerPath['kind'], route: string, slug: string | undefined): IssuerPath | undefined {
  return slug === DEFAULT_SLUG ? undefined : { kind, route, tenantSlug: slug ?? DEFAULT_SLUG };
}
