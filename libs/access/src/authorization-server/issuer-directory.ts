import { type ListenConfig, listenConfig } from '#config';
import { Inject, Injectable } from '@nestjs/common';
import { AccessDirectory } from '../directory/access-directory.js';
import { DEFAULT_SLUG, ownIssuer, parseMcpPath, resourceOf } from '../edge/mcp-resource.js';
import type { Tenant } from '../tenants/tenant.store.js';

/** One tenant's authorization server, as the outside names it. */
export interface TenantIssuer {
  readonly tenant: Tenant;
  /** RFC 8414, 2: the issuer identifier. */
  readonly issuer: string;
}

/** Which issuers there are, and which resources each one issues tokens for. Everything is built from `PUBLIC_URL`. */
@Injectable()
export class IssuerDirectory {
  constructor(
    @Inject(listenConfig.KEY) private readonly config: ListenConfig,
    private readonly directory: AccessDirectory,
  ) {}

  get publicUrl(): string {
    return this.config.publicUrl;
  }

  /** Browsers reach us over TLS, so that cookies may say so. */
  get isSecure(): boolean {
    return this.publicUrl.startsWith('https:');
  }

  /** Undefined for a tenant that is not there, or is suspended: both look alike. */
  async bySlug(slug: string): Promise<TenantIssuer | undefined> {
    const tenant = await this.directory.tenantBySlug(slug);
    if (!tenant || tenant.suspendedAt) return undefined;
    return { tenant, issuer: ownIssuer(this.publicUrl, tenant.slug) };
  }

  async byIssuer(issuer: string): Promise<TenantIssuer | undefined> {
    if (issuer === this.publicUrl) return this.bySlug(DEFAULT_SLUG);
    const prefix = ownIssuer(this.publicUrl, '');
    const slug = issuer.startsWith(prefix) ? issuer.slice(prefix.length) : '';
    return slug === '' || slug === DEFAULT_SLUG ? undefined : this.bySlug(slug);
  }

  /** The resource of whoever names none: everything that the tenant has. */
  defaultResource({ issuer }: TenantIssuer): string {
    return `${issuer}/mcp`;
  }

  /** RFC 8707, 2: whether this is an MCP endpoint of the tenant. */
  isResource({ tenant }: TenantIssuer, resource: string): boolean {
    if (!resource.startsWith(`${this.publicUrl}/`)) return false;
    const path = parseMcpPath(resource.slice(this.publicUrl.length));
    return (
      path !== undefined &&
      resourceOf(this.publicUrl, path) === resource &&
      (path.tenantSlug ?? DEFAULT_SLUG) === tenant.slug
    );
  }
}
