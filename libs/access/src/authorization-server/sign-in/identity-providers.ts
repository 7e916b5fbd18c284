import { EgressHttp } from '#egress';
import { isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import { type JWTVerifyGetKey, errors } from 'jose';
import type { TrustedIssuer } from '../../issuers/issuers.js';
import { IssuerDocuments, type IssuerMetadata } from '../../tokens/issuer-documents.js';
import { type CodeFlow, EgressOauth2Strategy, type ProviderClient } from './egress-oauth2.strategy.js';
import { SignInUnavailableError } from './sign-in.errors.js';

/** What must be known of an identity provider (RFC 8414, OpenID Connect Discovery 1.0). */
export interface ProviderMetadata {
  readonly issuer: string;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  readonly jwksUrl?: string;
  readonly userinfoUrl?: string;
  readonly introspectionUrl?: string;
  readonly tokenAuth: 'post' | 'basic';
  /** It says who it is in every answer (RFC 9207), so that an answer without a name is not from it. */
  readonly namesItself: boolean;
}

/** What is asked of an identity provider: nothing to be sent unless a form is given. */
export interface Question {
  readonly url: string;
  readonly authorization: string;
  readonly form?: string;
}

const MAX_BYTES = 512 * 1024;

/** Identity providers, as people are sent there and as we ask them about people; through the guard alone. */
@Injectable()
export class IdentityProviders {
  constructor(
    private readonly http: EgressHttp,
    private readonly documents: IssuerDocuments,
  ) {}

  /** @throws SignInUnavailableError */
  async metadataOf(issuer: TrustedIssuer): Promise<ProviderMetadata> {
    const { settings } = issuer;
    const { authorization_url, token_url } = settings.sign_in ?? {};
    const found = await this.find(issuer);
    const authorizationUrl = authorization_url ?? found?.authorization_endpoint;
    const tokenUrl = token_url ?? found?.token_endpoint;
    if (authorizationUrl === undefined || tokenUrl === undefined) {
      throw new SignInUnavailableError(
        'the identity provider cannot be reached, or does not tell where people sign in',
      );
    }
    return {
      issuer: found?.issuer ?? settings.issuer,
      authorizationUrl,
      tokenUrl,
      tokenAuth: tokenAuthOf(found),
      namesItself: found?.authorization_response_iss_parameter_supported === true,
      ...named('jwksUrl', settings.jwks_url ?? found?.jwks_uri),
      ...named('userinfoUrl', found?.userinfo_endpoint),
      ...named('introspectionUrl', settings.introspection_url ?? found?.introspection_endpoint),
    };
  }

  /** Finds the key of a token. Looks again for one that is not known, since providers change theirs. */
  keysAt(url: string): JWTVerifyGetKey {
    return async (header, token) => {
      try {
        return await (
          await this.documents.keysAt(url)
        )(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        return (await this.documents.newKeysAt(url))(header, token);
      }
    };
  }

  /** The code flow with one of them. */
  strategy(client: ProviderClient, flow: CodeFlow): EgressOauth2Strategy {
    return new EgressOauth2Strategy(client, flow, this.http);
  }

  /** @throws SignInUnavailableError */
  async ask({ url, authorization, form }: Question): Promise<Record<string, unknown>> {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const { status, body } = await this.http.request({
      method: form === undefined ? 'GET' : 'POST',
      url,
      headers: { accept: 'application/json', authorization, ...(form === undefined ? {} : type) },
      ...(form === undefined ? {} : { body: form }),
      maxBytes: MAX_BYTES,
    });
    const answer = status === 200 ? jsonOf(body.toString('utf8')) : undefined;
    if (!isObject(answer)) throw new SignInUnavailableError('the identity provider does not tell who has signed in');
    return answer;
  }

  /** Undefined if it cannot be had: whoever was told everything needs none. */
  private async find({ settings, configUrl }: TrustedIssuer): Promise<IssuerMetadata | undefined> {
    // The address of metadata does not tell whether an issuer ends with a slash.
    const spellings = configUrl === undefined ? [settings.issuer] : [settings.issuer, `${settings.issuer}/`];
    for (const spelling of spellings) {
      const found = await this.documents.metadataOf(spelling, configUrl).catch(() => undefined);
      if (found) return found;
    }
    return undefined;
  }
}

/** Where nothing is said, RFC 8414 means Basic; whoever has no metadata at all was set up with the form. */
function tokenAuthOf(found: IssuerMetadata | undefined): 'post' | 'basic' {
  const { token_endpoint_auth_methods_supported: methods } = found ?? {};
  if (methods) return methods.includes('client_secret_post') ? 'post' : 'basic';
  return found ? 'basic' : 'post';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const named = <K extends string>(name: K, value: string | undefined): { readonly [N in K]?: string } =>
  (value === undefined ? {} : { [name]: value }) as { readonly [N in K]?: string };
