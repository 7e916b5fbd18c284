import { createHash } from 'node:crypto';
import { type ListenConfig, listenConfig } from '#config';
import { type Credential, type Scope, actorOf } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { AccessDirectory } from '../directory/access-directory.js';
import type { Verified } from '../identity/credential-verifier.js';
import { type Claims, nameOf, principalIdOf, roleValuesOf, rolesFor, textsOf } from '../issuers/issuer-claims.js';
import type { TrustedIssuer } from '../issuers/issuers.js';
import { namesEverything, ownAudiences } from '../edge/mcp-resource.js';
import { PrincipalStore } from '../principals/principal.store.js';

/** What a token is for, of what its tenant has here. */
export interface Meant {
  /** Endpoints of the tenant, by their URL. */
  readonly endpoints: readonly string[];
  /** Everything of the tenant: the token names the composer as a whole, or by a name that the tenant has chosen. */
  readonly isWhole: boolean;
}

const MAX_SUBJECT = 512;
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f]/g;

/** From a token that was found to be good to the principal that it stands for, made here when it comes for the first time. */
@Injectable()
export class TokenPrincipals {
  constructor(
    @Inject(listenConfig.KEY) private readonly listen: ListenConfig,
    private readonly directory: AccessDirectory,
    private readonly principals: PrincipalStore,
  ) {}

  /** What of the token's audience is this composer in the hands of this tenant; undefined if nothing is. */
  async meantFor({ tenantId, settings }: TrustedIssuer, { aud }: Claims): Promise<Meant | undefined> {
    const { publicUrl } = this.listen;
    const named = textsOf(aud);
    const tenant = await this.directory.tenant(tenantId);
    const own = tenant ? ownAudiences(named, publicUrl, tenant.slug) : [];
    const endpoints = own.filter((audience) => !namesEverything(audience, publicUrl));
    const isWhole = own.length > endpoints.length || named.some((audience) => settings.audiences.includes(audience));
    return isWhole || endpoints.length > 0 ? { endpoints, isWhole } : undefined;
  }

  /** @returns undefined if the token names nobody, or nobody who may come in */
  async verifiedOf(
    issuer: TrustedIssuer,
    { token, claims, meant }: { token: string; claims: Claims; meant: Meant },
  ): Promise<Verified | undefined> {
    const subject = subjectOf(claims);
    if (subject === undefined) return undefined;
    const credential = credentialOf(token, claims);
    const id = await this.idOf(issuer, { subject, claims, credential });
    const principal = await this.directory.principalFor(issuer.tenantId, id, {
      scopes: scopesOf(claims, issuer.mcpScopes ?? []),
      credential,
      roles: rolesFor(issuer.settings, roleValuesOf(claims, issuer.settings)),
      // A token that does not tell its age is older than any revocation.
      issuedAt: new Date(typeof claims['iat'] === 'number' ? claims['iat'] * 1000 : 0),
    });
    return principal && { principal, ...(meant.isWhole ? {} : { audiences: meant.endpoints }) };
  }

  private async idOf(
    { tenantId, settings }: TrustedIssuer,
    { subject, claims, credential }: { subject: string; claims: Claims; credential: Credential },
  ) {
    const identity = { issuer: settings.issuer, subject };
    const known = await this.principals.findByIdentity(tenantId, identity);
    if (known) return known.id;
    const id = principalIdOf(identity);
    const kind = isProgram(claims) ? ('service' as const) : ('user' as const);
    const draft = { tenantId, id, kind, name: nameOf(claims) ?? subject, roles: [], identity };
    const made = await this.principals.insert(draft, {
      action: 'principal.created',
      actor: actorOf({ id, credential }),
      target: `principal:${id}`,
      after: { kind, name: draft.name, roles: [], identity },
    });
    return made.id;
  }
}

/** Names the token, and gives nothing of it away. */
function credentialOf(token: string, { exp }: Claims): Credential {
  const id = `tok_${digest(token).slice(0, 22)}`;
  return { kind: 'token', id, ...(typeof exp === 'number' ? { expiresAt: exp * 1000 } : {}) };
}

/** A program that acts for nobody has no `sub` in some introspection answers (RFC 7662, 2.2, makes it optional). */
function subjectOf({ sub, client_id: client }: Claims): string | undefined {
  const subject = typeof sub === 'string' ? sub : typeof client === 'string' ? `client:${client}` : '';
  return subject !== '' && subject.length <= MAX_SUBJECT && plain(subject) === subject ? subject : undefined;
}

/** RFC 9068, 2.2 and 5: a client that acts for nobody is its own subject. */
function isProgram({ sub, client_id: client, azp }: Claims): boolean {
  return sub === undefined || sub === client || sub === azp;
}

/**
 * A token that says nothing of scopes was still issued for this composer, and is good for calling; for management it must
 * say so. One that does say something is good for that and no more.
 */
function scopesOf({ scope, scp }: Claims, mcpScopes: readonly string[]): readonly Scope[] {
  if (scope === undefined && scp === undefined) return ['mcp'];
  const held = [...textsOf(scope), ...textsOf(scp)].flatMap((text) => text.split(' '));
  const isForMcp = held.includes('mcp') || (mcpScopes.length > 0 && mcpScopes.every((name) => held.includes(name)));
  return [...(isForMcp ? ['mcp' as const] : []), ...(held.includes('manage') ? ['manage' as const] : [])];
}

/** Through bytes: half of a surrogate pair is nothing that a database keeps. */
const plain = (text: string): string => Buffer.from(text).toString('utf8').replace(UNPRINTABLE, '');

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
