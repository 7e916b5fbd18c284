import { createHash } from 'node:crypto';
import { SCOPES, type Scope } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { type JWTPayload, createLocalJWKSet, errors, jwtVerify } from 'jose';
import { AccessDirectory } from '../directory/access-directory.js';
import type { CredentialVerifier, Verified } from '../identity/credential-verifier.js';
import { isOwnIssuer, ownAudiences } from '../edge/mcp-resource.js';
import { namedIssuer } from '../tokens/named-issuer.js';
import { GrantLedger, type LiveGrant } from './grants/grant-ledger.js';
import { IssuerDirectory, type TenantIssuer } from './issuer-directory.js';
import { SIGNING_ALGORITHM, TenantKeys } from './tenant-keys.js';

interface Claims extends JWTPayload {
  readonly sub: string;
  readonly iat: number;
  readonly exp: number;
  readonly client_id: string;
  readonly grant?: string;
  readonly scope?: unknown;
  readonly tenant?: unknown;
}

const TYPE = 'at+jwt';
const MAX_LENGTH = 8_192;

/** Access tokens that our own authorization servers have issued (RFC 9068), for as long as what they rest on stands. */
@Injectable()
export class AccessTokenVerifier implements CredentialVerifier {
  constructor(
    private readonly issuers: IssuerDirectory,
    private readonly keys: TenantKeys,
    private readonly ledger: GrantLedger,
    private readonly directory: AccessDirectory,
  ) {}

  takes(presented: string): boolean {
    const issuer = issuerOf(presented);
    return issuer !== undefined && isOwnIssuer(this.issuers.publicUrl, issuer);
  }

  async verify(presented: string): Promise<Verified | undefined> {
    const at = await this.issuers.byIssuer(issuerOf(presented) ?? '');
    const claims = at && (await this.signed(presented, at));
    const rest = claims && (await this.restOf(at, claims));
    if (!claims || !rest) return undefined;
    const audiences = ownAudiences([claims.aud ?? []].flat(), this.issuers.publicUrl, at.tenant.slug);
    const principal = await this.directory.principalFor(at.tenant.id, rest.principalId, {
      scopes: scopesIn(claims),
      credential: { kind: 'token', id: credentialId(claims), expiresAt: claims.exp * 1000 },
      roles: rest.roles,
      issuedAt: new Date(claims.iat * 1000),
    });
    return principal && audiences.length > 0 ? { principal, audiences } : undefined;
  }

  private async signed(token: string, { issuer, tenant }: TenantIssuer): Promise<Claims | undefined> {
    const keys = createLocalJWKSet(await this.keys.published(tenant.id));
    try {
      const { payload } = await jwtVerify<Claims>(token, keys, {
        issuer,
        algorithms: [SIGNING_ALGORITHM],
        typ: TYPE,
        requiredClaims: ['sub', 'aud', 'iat', 'exp', 'client_id'],
      });
      const { grant = '', client_id, tenant: of } = payload;
      // The signature is ours, so this guards against our own mistakes: a claim of another type would compare wrongly.
      const isSound = of === tenant.id && [grant, client_id].every((text) => typeof text === 'string');
      return isSound ? payload : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  /** A person's token rests on their grant, a client's own one on the client. */
  private async restOf({ tenant }: TenantIssuer, { grant, client_id, sub }: Claims): Promise<LiveGrant | undefined> {
    if (grant === undefined) {
      return client_id === sub ? this.ledger.client(tenant.id, sub) : undefined;
    }
    const live = await this.ledger.grant(tenant.id, grant);
    return live?.principalId === sub ? live : undefined;
  }
}

/** The issuer that a token names, unverified; undefined for what is no access token by its form. */
function issuerOf(token: string): string | undefined {
  return token.length <= MAX_LENGTH && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) ? namedIssuer(token) : undefined;
}

function scopesIn({ scope }: Claims): readonly Scope[] {
  const given = typeof scope === 'string' ? scope.split(' ') : [];
  return SCOPES.filter((known) => given.includes(known));
}

/** The same for all tokens of one grant: that is what limits and the trail go by. */
function credentialId({ grant, client_id }: Claims): string {
  const rest = grant === undefined ? `client ${client_id}` : `grant ${grant}`;
  return `oauth-${createHash('sha256').update(rest).digest('base64url').slice(0, 16)}`;
}
