/** An MCP endpoint, as the path of a request names it. */
export interface McpPath {
  /** `/mcp/crm`, `/t/acme/mcp`: exactly as it came, without the query. */
  readonly path: string;
  /** Absent in paths that begin with `/mcp`. */
  readonly tenantSlug?: string;
  /** Of a virtual server, or of a member. Absent: everything that the tenant has. */
  readonly slug?: string;
}

/** The slug of the tenant that every installation has; `/mcp` is its endpoint, and so is `/t/default/mcp`. */
export const DEFAULT_SLUG = 'default';

const MCP_PATH = /^(?:\/t\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?))?\/mcp(?:\/([A-Za-z0-9][A-Za-z0-9_-]{0,63}))?$/;

/**
 * The one reading of MCP paths. It compares letter by letter and decodes nothing: an address that some other reader
 * would take for an MCP path too (`/mcp/`, `//mcp`, `/%6dcp`, `/MCP`, `/x/../mcp`) is none.
 *
 * @param url as the request line has it, query included
 */
export function parseMcpPath(url: string): McpPath | undefined {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const match = MCP_PATH.exec(path);
  if (!match) return undefined;
  const [, tenantSlug, slug] = match;
  return { path, ...(tenantSlug === undefined ? {} : { tenantSlug }), ...(slug === undefined ? {} : { slug }) };
}

/** The resource identifier of an MCP endpoint (RFC 8707, 2; RFC 9728, 1.2). */
export function resourceOf(publicUrl: string, { path }: Pick<McpPath, 'path'>): string {
  return publicUrl + path;
}

/** Where the metadata of the endpoint is (RFC 9728, 3.1). */
export function resourceMetadataUrl(publicUrl: string, { path }: Pick<McpPath, 'path'>): string {
  return `${publicUrl}/.well-known/oauth-protected-resource${path}`;
}

/** The issuer identifier of the tenant's own authorization server. */
export function ownIssuer(publicUrl: string, tenantSlug = DEFAULT_SLUG): string {
  return tenantSlug === DEFAULT_SLUG ? publicUrl : `${publicUrl}/t/${tenantSlug}`;
}

/** Whether this is the issuer identifier of any tenant's own authorization server, whether or not there is such a tenant. */
export function isOwnIssuer(publicUrl: string, issuer: string): boolean {
  const bare = issuer.replace(/\/+$/, '');
  return bare === publicUrl || bare.startsWith(`${publicUrl}/`);
}

/**
 * Those of the values of `aud` that name an endpoint of this tenant, or this composer as a whole. What names another
 * tenant's endpoint is left out: `/mcp` is the default tenant's, and no token of others is for it.
 */
export function ownAudiences(audiences: readonly string[], publicUrl: string, tenantSlug: string): readonly string[] {
  return audiences.filter((audience) => {
    const place = placeOf(audience, publicUrl);
    return place === 'everything' || (place !== undefined && (place.tenantSlug ?? DEFAULT_SLUG) === tenantSlug);
  });
}

/** Whether this names the composer as a whole, and so no tenant. */
export function namesEverything(audience: string, publicUrl: string): boolean {
  return placeOf(audience, publicUrl) === 'everything';
}

/**
 * Whether a credential that was issued for `audiences` may be used for this request: an audience covers its own path
 * and what is below it. Anything that is no MCP endpoint, the REST API above all, needs one for a tenant's whole endpoint.
 *
 * @param audiences of the credential's tenant alone; see `ownAudiences`
 * @param url as the request line has it
 */
export function coversRequest(audiences: readonly string[], url: string, publicUrl: string): boolean {
  const target = parseMcpPath(url);
  return audiences.some((audience) => {
    const place = placeOf(audience, publicUrl);
    if (place === undefined || place === 'everything') return place === 'everything';
    if (!target) return place.slug === undefined;
    const isSameTenant = (place.tenantSlug ?? DEFAULT_SLUG) === (target.tenantSlug ?? DEFAULT_SLUG);
    return isSameTenant && (place.slug === undefined || place.slug === target.slug);
  });
}

/** What an audience stands for here: one endpoint, everything of its tenant, or nothing. */
function placeOf(audience: string, publicUrl: string): McpPath | 'everything' | undefined {
  if (!audience.startsWith(publicUrl)) return undefined;
  const rest = audience.slice(publicUrl.length);
  // Resource identifiers of bare origins are written with and without the slash.
  if (rest === '' || rest === '/') return 'everything';
  return rest.includes('?') ? undefined : parseMcpPath(rest);
}
