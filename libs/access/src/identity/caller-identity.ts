import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ComposerError, principalId } from '#kernel';
import { DEFAULT_TENANT, NO_PERMISSIONS, type Principal, SCOPES } from '#tenancy';
import { Inject, Injectable } from '@nestjs/common';
import { type AccessConfig, accessConfig } from '../access.config.js';
import { IdentityUnavailableError, TooManyAttemptsError, UnauthenticatedError } from '../access.errors.js';
import {
  AUDIENCE_RULE,
  type AudienceRule,
  CREDENTIAL_VERIFIERS,
  type CredentialVerifier,
  type Verified,
} from './credential-verifier.js';
import { FailedAttempts } from './failed-attempts.js';
import { parseMcpPath } from '../edge/mcp-resource.js';
import { presentedCredential } from './presented-credential.js';
import { carriedSession } from './presented-session.js';
import { type Beginning, VerdictCache } from './verdict-cache.js';

/** Who calls, or why nobody does. */
export type Verdict =
  | { readonly principal: Principal; readonly refusal?: never }
  | { readonly principal?: never; readonly refusal: ComposerError };

export type IdentifiableRequest = Pick<IncomingMessage, 'headers' | 'url' | 'socket'>;

interface Lookup {
  readonly answer: Promise<Verified | undefined>;
  readonly beginning: Beginning;
}

const LOCAL: Principal = {
  id: principalId('local'),
  tenantId: DEFAULT_TENANT,
  roles: ['admin', 'operator'],
  scopes: SCOPES,
  permissions: NO_PERMISSIONS,
  credential: { kind: 'none', id: 'local' },
};

/** How often a verdict that a change has overtaken is looked up anew. */
const ATTEMPTS = 3;

/**
 * From the credential of a request to its principal, and through it to its tenant. Nothing else of a request says who
 * calls. With `COMPOSER_AUTH=none` everybody is the local administrator; otherwise a request without a credential that
 * can be verified has no principal, and is served nothing but public routes.
 */
@Injectable()
export class CallerIdentity {
  /** By the hash of the credential: those who present the same one at the same moment share one trip. */
  private readonly running = new Map<string, Lookup>();

  constructor(
    @Inject(accessConfig.KEY) private readonly config: AccessConfig,
    @Inject(CREDENTIAL_VERIFIERS) private readonly verifiers: readonly CredentialVerifier[],
    @Inject(AUDIENCE_RULE) private readonly isMeant: AudienceRule,
    private readonly verdicts: VerdictCache,
    private readonly attempts: FailedAttempts,
  ) {}

  /** Never throws and never rejects. At once when the credential is known. */
  identify(request: IdentifiableRequest): Verdict | Promise<Verdict> {
    if (this.config.mode === 'none') return { principal: LOCAL };
    try {
      const presented = presentedCredential(request.headers);
      return presented === undefined ? { refusal: new UnauthenticatedError() } : this.judge(presented, request);
    } catch (error) {
      return { refusal: refusalOf(error) };
    }
  }

  /**
   * Who sits at the browser, by its session alone, also where another page has sent it here. For navigations: what it is
   * followed by must show by itself that no other page has asked for it.
   */
  async identifyBrowser(request: IdentifiableRequest): Promise<Verdict> {
    const session = carriedSession(request.headers);
    if (session === undefined && this.config.mode !== 'none') return { refusal: new UnauthenticatedError() };
    return this.identifyBy(session ?? '', request);
  }

  /** Whose a credential is that was entered in a form; counted and slowed down as any other one. */
  async identifyBy(credential: string, request: IdentifiableRequest): Promise<Verdict> {
    if (this.config.mode === 'none') return { principal: LOCAL };
    try {
      return await this.judge(credential, request);
    } catch (error) {
      return { refusal: refusalOf(error) };
    }
  }

  private judge(presented: string, request: IdentifiableRequest): Verdict | Promise<Verdict> {
    const { tenantSlug } = parseMcpPath(request.url ?? '') ?? {};
    // Not all tenants ask the same issuers, so a verdict holds for where it was given.
    const key = hash('sha256', tenantSlug === undefined ? presented : `${tenantSlug} ${presented}`, 'base64');
    const known = this.verdicts.fresh(key);
    if (known) return this.verdictOn(known, request);
    const verifier = this.verifiers.find((one) => one.takes(presented));
    if (!verifier || this.verdicts.isInvalid(key)) return { refusal: new UnauthenticatedError() };
    const source = this.attempts.sourceOf(request);
    const at = tenantSlug === undefined ? {} : { tenantSlug };
    // Who was let in before, or is being looked at already, costs a stranger's neighbour nothing.
    const isKnown = this.verdicts.wasValid(key) || this.running.has(key);
    const wait = isKnown ? 0 : this.attempts.wait(source);
    if (wait > 0) return { refusal: new TooManyAttemptsError(wait) };
    return this.lookUp(key, () => verifier.verify(presented, at), source).then(
      (verified) => this.verdictOn(verified, request),
      (error: unknown) => {
        const mayPass = error instanceof ComposerError && error.retryable;
        const left = mayPass ? this.verdicts.usable(key) : undefined;
        return left ? this.verdictOn(left, request) : { refusal: refusalOf(error) };
      },
    );
  }

  private async lookUp(
    key: string,
    verify: () => Promise<Verified | undefined>,
    source: string,
  ): Promise<Verified | undefined> {
    for (let attempt = 1; ; attempt++) {
      const { answer, beginning } = this.once(key, verify, source);
      const verified = await answer;
      // In a tenant that changes all the time each verdict is overtaken: the last one counts for this request, and is not kept.
      if (!verified || this.verdicts.holds(verified, beginning) || attempt === ATTEMPTS) return verified;
    }
  }

  private once(key: string, verify: () => Promise<Verified | undefined>, source: string): Lookup {
    const running = this.running.get(key);
    if (running) return running;
    const beginning = this.verdicts.begin();
    const answer = verify()
      .then((verified) => {
        this.verdicts.keep(key, beginning, verified);
        if (!verified) this.attempts.note(source);
        return verified;
      })
      .finally(() => this.running.delete(key));
    const lookup = { answer, beginning };
    this.running.set(key, lookup);
    return lookup;
  }

  private verdictOn(verified: Verified | undefined, { url = '' }: IdentifiableRequest): Verdict {
    return verified && this.isMeant(verified, url)
      ? { principal: verified.principal }
      : { refusal: new UnauthenticatedError() };
  }
}

function refusalOf(error: unknown): ComposerError {
  return error instanceof ComposerError ? error : new IdentityUnavailableError(error);
}
