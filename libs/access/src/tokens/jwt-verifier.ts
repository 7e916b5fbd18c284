import { Clock, ComposerError, type TenantId } from '#kernel';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import {
  type CryptoKey,
  type JWTPayload,
  type JWTVerifyOptions,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
} from 'jose';
import type { Verified } from '../identity/credential-verifier.js';
import { Issuers, type TrustedIssuer } from '../issuers/issuers.js';
import { type IssuerKeys, IssuerDocuments } from './issuer-documents.js';
import { namedIssuer } from './named-issuer.js';
import { type Meant, TokenPrincipals } from './token-principals.js';
import { IssuerUnavailableError } from './tokens.errors.js';

const TOLERANCE_S = 5;
/** Of keys without a `kid` that fit equally well. */
const KEYS_TRIED = 8;
/** Of tenants that a token could be for. */
const CLAIMANTS_TRIED = 8;
/** RFC 9068, 2.1. Issuers from before it write `JWT`, or nothing. */
const TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];
/** OpenID Connect Core 1.0, 2 and 3.3.2.11: what only an ID token has. It tells a client who somebody is, and opens nothing. */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash'];

interface Fitting {
  readonly issuer: TrustedIssuer;
  readonly meant: Meant;
}

interface Signed extends Fitting {
  readonly claims: JWTPayload;
}

/**
 * JWTs of issuers that tenants trust (RFC 7519, RFC 9068). Keys, algorithms and audiences are the issuer's own, as the
 * tenant has listed it; nothing that a token says of keys or where to find them is looked at.
 */
@Injectable()
export class JwtVerifier {
  constructor(
    private readonly issuers: Issuers,
    private readonly documents: IssuerDocuments,
    private readonly principals: TokenPrincipals,
    private readonly log: Log,
    private readonly clock: Clock,
  ) {}

  /**
   * @param tenant that the path names: of several that a token could be for, it is the one that is meant
   * @throws IssuerUnavailableError, DatabaseUnavailableError
   */
  async verify(token: string, tenant?: TenantId): Promise<Verified | undefined> {
    const claims = readable(token);
    const iss = namedIssuer(token);
    if (claims === undefined || iss === undefined) return undefined;

    const fitting = await this.fitting(iss, claims);
    const here = fitting.filter(({ issuer }) => issuer.tenantId === tenant);
    const [only, ...others] = await this.signed(token, here.length > 0 ? here : fitting);
    if (!only) return undefined;
    if (others.length > 0) return this.refuseAmbiguous(iss, [only, ...others]);
    return this.principals.verifiedOf(only.issuer, { token, claims: only.claims, meant: only.meant });
  }

  /**
   * Whose token it may be: of the tenants that trust the issuer, those that it is meant for. One that names an endpoint is
   * its tenant's, and nobody gets in the way of that by choosing the same other names.
   */
  private async fitting(iss: string, claims: JWTPayload): Promise<readonly Fitting[]> {
    const trusted = (await this.issuers.findEverywhere(iss)).filter(({ settings }) => settings.kind === 'jwt');
    const fitting: Fitting[] = [];
    for (const issuer of trusted) {
      const meant = await this.principals.meantFor(issuer, claims);
      if (meant) fitting.push({ issuer, meant });
    }
    if (fitting.length === 0) {
      const reason = trusted.length === 0 ? 'no tenant trusts its issuer' : 'its audience is nobody here';
      this.log.debug('a token is refused', { issuer: iss, reason });
    }
    const named = fitting.filter(({ meant }) => meant.endpoints.length > 0);
    return named.length > 0 ? named : fitting;
  }

  /** Those whose keys have signed it: whoever lists an issuer with other keys gets in nobody's way. */
  private async signed(token: string, fitting: readonly Fitting[]): Promise<readonly Signed[]> {
    const failures: IssuerUnavailableError[] = [];
    const checked = fitting.slice(0, CLAIMANTS_TRIED).map(async (one): Promise<Signed[]> => {
      try {
        const claims = await this.check(token, one.issuer);
        return claims ? [{ ...one, claims }] : [];
      } catch (error) {
        if (!(error instanceof IssuerUnavailableError)) throw error;
        failures.push(error);
        return [];
      }
    });
    const signed = (await Promise.all(checked)).flat();
    if (signed.length === 0 && failures[0]) throw failures[0];
    return signed;
  }

  /** Nobody can tell which tenant it is for. It is genuine, so that made-up ones do not fill the log. */
  private refuseAmbiguous(issuer: string, claimants: readonly Signed[]): undefined {
    const tenants = claimants.map((one) => one.issuer.tenantId);
    this.log.warn('a token fits more than one tenant and is refused', { issuer, tenants });
  }

  private async check(token: string, issuer: TrustedIssuer): Promise<JWTPayload | undefined> {
    const { settings, configUrl } = issuer;
    const url = settings.jwks_url ?? (await this.documents.metadataOf(settings.issuer, configUrl)).jwks_uri;
    if (url === undefined) return undefined;
    const now = this.clock.now();
    const options: JWTVerifyOptions = {
      algorithms: [...settings.algorithms],
      issuer: settings.issuer,
      requiredClaims: ['exp'],
      clockTolerance: TOLERANCE_S,
      currentDate: new Date(now),
    };
    try {
      const payload = await this.signedAt(token, url, options);
      const { iat = 0 } = payload;
      // Whoever dates a token ahead would outlive the moment from which older tokens are void.
      return iat * 1000 <= now + TOLERANCE_S * 1000 ? payload : undefined;
    } catch (error) {
      if (error instanceof ComposerError) throw error;
      // Whatever it is, from a bad signature to a key that cannot be read: this token is not verified.
      const { code, message } = error as { code?: string; message?: string };
      this.log.debug('a token is refused', { issuer: settings.issuer, reason: code ?? message });
      return undefined;
    }
  }

  private async signedAt(token: string, url: string, options: JWTVerifyOptions): Promise<JWTPayload> {
    try {
      return await verifyWith(await this.documents.keysAt(url), token, options);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      return verifyWith(await this.documents.newKeysAt(url), token, options);
    }
  }
}

async function verifyWith(keys: IssuerKeys, token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tried = 0;
    for await (const key of error as AsyncIterable<CryptoKey>) {
      if (tried++ === KEYS_TRIED) break;
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** What the token says, unverified: enough to find out who could verify it. Undefined for what is no access token. */
function readable(token: string): JWTPayload | undefined {
  try {
    const { typ } = decodeProtectedHeader(token);
    if (!TYPES.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) return undefined;
    const claims = decodeJwt(token);
    // RFC 7800: a token that is bound to a key is worth nothing in the hands of who cannot show it, and we cannot check.
    const isOther = 'cnf' in claims || ID_TOKEN_CLAIMS.some((claim) => claim in claims);
    return isOther ? undefined : claims;
  } catch {
    return undefined;
  }
}
