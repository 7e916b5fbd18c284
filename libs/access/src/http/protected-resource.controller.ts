import type { IncomingMessage } from 'node:http';
import { type ListenConfig, listenConfig } from '#config';
import { Log } from '#observability';
import { Public, SCOPES } from '#tenancy';
import { Controller, Get, Header, HttpCode, Inject, NotFoundException, Options, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { AccessDirectory } from '../directory/access-directory.js';
import { Issuers } from '../issuers/issuers.js';
import { DEFAULT_SLUG, ownIssuer, parseMcpPath, resourceOf } from '../edge/mcp-resource.js';

const ROOT = '/.well-known/oauth-protected-resource';
const NAME = 'MCP Composer';

/** RFC 9728, 2. */
interface ResourceMetadata {
  readonly resource: string;
  readonly authorization_servers: readonly string[];
  readonly scopes_supported: readonly string[];
  readonly bearer_methods_supported: readonly string[];
  readonly resource_name: string;
}

/**
 * Where clients of each MCP endpoint get their tokens (RFC 9728). Public, also for web pages of any origin: it is read
 * before there is a credential, and holds none.
 *
 * Every path that is one of an MCP endpoint gets a document, whether or not there is such a tenant: a 404 would tell
 * everybody which tenants there are. The one thing that differs is the list of issuers of its own that a tenant trusts,
 * without which its clients could not find them.
 */
@ApiExcludeController()
@Public()
@Controller()
export class ProtectedResourceController {
  constructor(
    @Inject(listenConfig.KEY) private readonly listen: ListenConfig,
    private readonly directory: AccessDirectory,
    private readonly issuers: Issuers,
    private readonly log: Log,
  ) {}

  @Get([ROOT, `${ROOT}/*`])
  @Header('access-control-allow-origin', '*')
  @Header('cache-control', 'no-cache')
  async get(@Req() request: { readonly raw: IncomingMessage }): Promise<ResourceMetadata> {
    const { publicUrl } = this.listen;
    // As it came: the router decodes, and what it decodes is another path.
    const [asked = ''] = (request.raw.url ?? '').split('?');
    const path = asked === ROOT ? parseMcpPath('/mcp') : parseMcpPath(asked.slice(ROOT.length));
    if (!path) throw new NotFoundException();
    const own = ownIssuer(publicUrl, path.tenantSlug);
    const others = await this.trustedBy(path.tenantSlug ?? DEFAULT_SLUG);
    return {
      resource: resourceOf(publicUrl, path),
      authorization_servers: [own, ...others.filter((issuer) => issuer !== own)],
      scopes_supported: SCOPES,
      bearer_methods_supported: ['header'],
      resource_name: NAME,
    };
  }

  /** Clients name the version of the protocol in a header, for which browsers ask first. */
  @Options([ROOT, `${ROOT}/*`])
  @HttpCode(204)
  @Header('access-control-allow-origin', '*')
  @Header('access-control-allow-methods', 'GET, HEAD, OPTIONS')
  @Header('access-control-allow-headers', 'accept, content-type, mcp-protocol-version')
  @Header('access-control-max-age', '86400')
  preflight(): void {
    // The headers are the answer.
  }

  /** Those whose tokens are verified here. Without the database there is still our own. */
  private async trustedBy(tenantSlug: string): Promise<readonly string[]> {
    try {
      const tenant = await this.directory.tenantBySlug(tenantSlug);
      const trusted = tenant && !tenant.suspendedAt ? await this.issuers.list(tenant.id) : [];
      return trusted.filter(({ settings }) => settings.kind === 'jwt').map(({ settings }) => settings.issuer);
    } catch (error) {
      this.log.warn('the issuers of a tenant could not be read for its metadata', { err: error });
      return [];
    }
  }
}
