import { EgressHttp, type OutgoingHeaders } from '#egress';
import { Clock, type TenantId, isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import type { Verified } from '../identity/credential-verifier.js';
import type { Claims } from '../issuers/issuer-claims.js';
import { Issuers, type TrustedIssuer } from '../issuers/issuers.js';
import { IssuerDocuments } from './issuer-documents.js';
import { namedIssuer } from './named-issuer.js';
import { TokenPrincipals } from './token-principals.js';
import { IssuerUnavailableError } from './tokens.errors.js';

const ISSUERS_ASKED = 3;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 64 * 1024;
const TOLERANCE_MS = 5_000;
const AT_ONCE = 64;

/** Tokens whose issuer must be asked (RFC 7662). Whoever is asked sees the token, so they are issuers of one tenant alone. */
@Injectable()
export class IntrospectionVerifier {
  private asking = 0;

  constructor(
    private readonly issuers: Issuers,
    private readonly documents: IssuerDocuments,
    private readonly principals: TokenPrincipals,
    private readonly http: EgressHttp,
    private readonly clock: Clock,
  ) {}

  /** @throws IssuerUnavailableError, DatabaseUnavailableError */
  async verify(token: string, tenant: TenantId): Promise<Verified | undefined> {
    const named = namedIssuer(token); // and then it is nobody else's
    const asked = (await this.issuers.list(tenant))
      .filter(({ settings }) => settings.kind === 'introspection' && (named ?? settings.issuer) === settings.issuer)
      .slice(0, ISSUERS_ASKED);

    let failure: IssuerUnavailableError | undefined;
    for (const issuer of asked) {
      try {
        const verified = await this.ask(issuer, token);
        if (verified) return verified;
      } catch (error) {
        if (!(error instanceof IssuerUnavailableError)) throw error;
        failure ??= error;
      }
    }
    // Those that answered do not know it; the one that did not may.
    if (failure) throw failure;
    return undefined;
  }

  private async ask(issuer: TrustedIssuer, token: string): Promise<Verified | undefined> {
    const claims = await this.introspect(issuer, token);
    if (!this.isGood(issuer, claims)) return undefined;
    const meant = await this.principals.meantFor(issuer, claims);
    return meant && this.principals.verifiedOf(issuer, { token, claims, meant });
  }

  private isGood({ settings }: TrustedIssuer, { active, iss, exp, nbf, cnf }: Claims): boolean {
    const now = this.clock.now();
    if (active !== true || cnf !== undefined) return false;
    if (iss !== undefined && iss !== settings.issuer) return false;
    if (exp !== undefined && !(typeof exp === 'number' && exp * 1000 > now - TOLERANCE_MS)) return false;
    return nbf === undefined || (typeof nbf === 'number' && nbf * 1000 <= now + TOLERANCE_MS);
  }

  private async introspect(issuer: TrustedIssuer, token: string): Promise<Claims> {
    if (this.asking >= AT_ONCE) throw new IssuerUnavailableError();
    this.asking += 1;
    try {
      const { settings, configUrl } = issuer;
      const url =
        settings.introspection_url ??
        (await this.documents.metadataOf(settings.issuer, configUrl)).introspection_endpoint;
      if (url === undefined) throw new IssuerUnavailableError();
      return await this.send(url, await this.questionOf(issuer, token));
    } finally {
      this.asking -= 1;
    }
  }

  /** RFC 6749, 2.3.1: id and secret are encoded like a form before they are joined. */
  private async questionOf(issuer: TrustedIssuer, token: string): Promise<{ headers: OutgoingHeaders; body: string }> {
    const { client_id: client = '' } = issuer.settings;
    const secret = await this.issuers.secretOf(issuer);
    const form = new URLSearchParams({ token, token_type_hint: 'access_token' });
    const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
    if (secret === undefined) {
      form.set('client_id', client);
      return { headers, body: form.toString() };
    }
    const basic = Buffer.from(`${formEncoded(client)}:${formEncoded(secret)}`).toString('base64');
    return { headers: { ...headers, authorization: `Basic ${basic}` }, body: form.toString() };
  }

  private async send(url: string, question: { headers: OutgoingHeaders; body: string }): Promise<Claims> {
    try {
      const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES };
      const { status, body } = await this.http.request({ method: 'POST', url, ...question, ...limits });
      if (status !== 200) throw new Error(`the issuer answered with status ${status}`);
      const claims: unknown = JSON.parse(body.toString('utf8'));
      if (!isObject(claims)) throw new Error('the issuer answered with something else than an object');
      return claims;
    } catch (error) {
      throw new IssuerUnavailableError(error);
    }
  }
}

const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);
