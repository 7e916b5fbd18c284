import { Injectable } from '@nestjs/common';
import { type JWTPayload, jwtVerify } from 'jose';
import { type Claims, claimAt, nameOf, roleValuesOf } from '../../issuers/issuer-claims.js';
import type { TrustedIssuer } from '../../issuers/issuers.js';
import type { ProviderTokens } from './egress-oauth2.strategy.js';
import { IdentityProviders, type ProviderMetadata } from './identity-providers.js';
import { SignInRefusedError } from './sign-in.errors.js';

/** Who an identity provider says has signed in. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
  readonly roleValues: readonly string[];
}

export interface SignedIn {
  readonly issuer: TrustedIssuer;
  readonly metadata: ProviderMetadata;
  readonly tokens: ProviderTokens;
  readonly nonce: string;
  readonly clientSecret: string | undefined;
}

const TOLERANCE_SECONDS = 30;
const MAX_SUBJECT = 255;

/** Learns who has signed in: from the ID token, else by asking the provider about the access token. */
@Injectable()
export class PersonFinder {
  constructor(private readonly providers: IdentityProviders) {}

  /** @throws SignInRefusedError when the provider does not say who it is in a way that can be believed */
  async find(signedIn: SignedIn): Promise<Person> {
    const { issuer, metadata } = signedIn;
    const claims = await this.claims(signedIn);
    const subject = claims['sub'];
    if (typeof subject !== 'string' || subject === '' || subject.length > MAX_SUBJECT) {
      throw new SignInRefusedError('the identity provider does not say who has signed in');
    }
    return {
      issuer: metadata.issuer,
      subject,
      name: nameOf(claims) ?? subject,
      roleValues: roleValuesOf(claims, issuer.settings),
    };
  }

  private async claims(signedIn: SignedIn): Promise<Claims> {
    const { tokens, metadata, issuer } = signedIn;
    const { roles_claim: wanted } = issuer.settings;
    if (tokens.idToken === undefined) return this.asked(signedIn);
    const claims = await this.verified(tokens.idToken, signedIn);
    const isComplete = nameOf(claims) !== undefined && (wanted === undefined || claimAt(claims, wanted) !== undefined);
    if (isComplete || metadata.userinfoUrl === undefined) return claims;
    const more = await this.userinfo(metadata.userinfoUrl, tokens.accessToken).catch((): Claims => ({}));
    // OpenID Connect Core 1.0, 5.3.2: an answer about somebody else must not be used.
    return more['sub'] === claims.sub ? { ...more, ...claims } : claims;
  }

  /** OpenID Connect Core 1.0, 3.1.3.7. */
  private async verified(idToken: string, { issuer, metadata, nonce }: SignedIn): Promise<JWTPayload> {
    if (metadata.jwksUrl === undefined) throw new SignInRefusedError('the keys of the identity provider are not known');
    const { client_id: audience = '', algorithms } = issuer.settings;
    const { payload } = await jwtVerify(idToken, this.providers.keysAt(metadata.jwksUrl), {
      issuer: metadata.issuer,
      audience,
      algorithms: [...algorithms],
      clockTolerance: TOLERANCE_SECONDS,
      requiredClaims: ['sub', 'exp', 'iat'],
    }).catch((error: unknown) => {
      throw new SignInRefusedError('the ID token of the identity provider cannot be believed', error);
    });
    const isOurs = payload['azp'] === undefined || payload['azp'] === audience;
    if (payload['nonce'] !== nonce || !isOurs) throw new SignInRefusedError('the ID token is for another sign-in');
    return payload;
  }

  private async asked({ issuer, metadata, tokens, clientSecret }: SignedIn): Promise<Claims> {
    if (metadata.userinfoUrl !== undefined) return this.userinfo(metadata.userinfoUrl, tokens.accessToken);
    if (metadata.introspectionUrl === undefined)
      throw new SignInRefusedError('the identity provider gives no ID token');
    const { client_id: id = '' } = issuer.settings;
    const authorization = `Basic ${Buffer.from(`${id}:${clientSecret ?? ''}`).toString('base64')}`;
    const form = new URLSearchParams({ token: tokens.accessToken, token_type_hint: 'access_token' }).toString();
    const claims = await this.providers.ask({ url: metadata.introspectionUrl, authorization, form });
    // RFC 7662, 2.2
    if (claims['active'] !== true) throw new SignInRefusedError('the identity provider does not know its own token');
    return claims;
  }

  private async userinfo(url: string, accessToken: string): Promise<Claims> {
    return this.providers.ask({ url, authorization: `Bearer ${accessToken}` });
  }
}
