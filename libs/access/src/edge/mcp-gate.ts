import { ComposerError } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { AccessDirectory } from '../directory/access-directory.js';
import { IdentityUnavailableError } from '../access.errors.js';
import { CallerIdentity, type IdentifiableRequest, type Verdict } from '../identity/caller-identity.js';
import { Challenges } from './challenges.js';
import type { McpPath } from './mcp-resource.js';

/** Who has come to an MCP endpoint, or why nobody has. */
export type Admission =
  | {
      readonly principal: Principal;
      /** The path is another tenant's, or nobody's: the caller finds nothing there. */
      readonly isElsewhere: boolean;
      readonly refusal?: never;
    }
  | { readonly principal?: never; readonly refusal: ComposerError; readonly challenge?: string };

/** Stands before the MCP endpoints. The tenant comes from the credential; one that the path names must be the same. */
@Injectable()
export class McpGate {
  constructor(
    private readonly identity: CallerIdentity,
    private readonly directory: AccessDirectory,
    private readonly challenges: Challenges,
  ) {}

  /** Never throws and never rejects. At once when the credential is known and the path names no tenant. */
  admit(request: IdentifiableRequest, path: McpPath): Admission | Promise<Admission> {
    const verdict = this.identity.identify(request);
    if (verdict instanceof Promise) return verdict.then((late) => this.admission(late, request, path));
    return this.admission(verdict, request, path);
  }

  private admission(
    { principal, refusal }: Verdict,
    request: IdentifiableRequest,
    { tenantSlug }: McpPath,
  ): Admission | Promise<Admission> {
    if (!principal) return this.refused(refusal, request);
    if (tenantSlug === undefined) return { principal, isElsewhere: false };
    // The caller's own slug is looked up, whatever the path says: so a foreign slug and an unknown one take the same way.
    return this.directory.tenant(principal.tenantId).then(
      (tenant) => ({ principal, isElsewhere: tenant?.slug !== tenantSlug }),
      (error: unknown) =>
        this.refused(error instanceof ComposerError ? error : new IdentityUnavailableError(error), request),
    );
  }

  private refused(refusal: ComposerError, request: IdentifiableRequest): Admission {
    const challenge = this.challenges.forRefusal(refusal, request);
    return challenge === undefined ? { refusal } : { refusal, challenge };
  }
}
