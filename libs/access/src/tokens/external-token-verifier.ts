import { type ListenConfig, listenConfig } from '#config';
import type { TenantId } from '#kernel';
import { DEFAULT_TENANT } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { AccessDirectory } from '../directory/access-directory.js';
import type { CredentialVerifier, PresentedAt, Verified } from '../identity/credential-verifier.js';
import { isOwnIssuer } from '../edge/mcp-resource.js';
import { IntrospectionVerifier } from './introspection-verifier.js';
import { JwtVerifier } from './jwt-verifier.js';
import { namedIssuer } from './named-issuer.js';

/** RFC 6750, 2.1. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const MAX_LENGTH = 16_384;
const OWN_KEY = 'mcpc_';

/** Tokens of issuers that tenants trust: what is no key and no token of our own. */
@Injectable()
export class ExternalTokenVerifier implements CredentialVerifier {
  constructor(
    @Inject(listenConfig.KEY) private readonly listen: ListenConfig,
    private readonly jwts: JwtVerifier,
    private readonly introspection: IntrospectionVerifier,
    private readonly directory: AccessDirectory,
  ) {}

  takes(presented: string): boolean {
    if (presented.length > MAX_LENGTH || presented.startsWith(OWN_KEY) || !TOKEN.test(presented)) return false;
    const issuer = JWT.test(presented) ? namedIssuer(presented) : undefined;
    return issuer === undefined || !isOwnIssuer(this.listen.publicUrl, issuer);
  }

  async verify(token: string, at: PresentedAt): Promise<Verified | undefined> {
    const named = await this.tenantIn(at);
    const verified = JWT.test(token) ? await this.jwts.verify(token, named) : undefined;
    if (verified) return verified;
    // Asking every tenant's issuers until one knows the token would hand it to all the others.
    const tenant = at.tenantSlug === undefined ? DEFAULT_TENANT : named;
    return tenant && this.introspection.verify(token, tenant);
  }

  private async tenantIn({ tenantSlug }: PresentedAt): Promise<TenantId | undefined> {
    return tenantSlug === undefined ? undefined : (await this.directory.tenantBySlug(tenantSlug))?.id;
  }
}
