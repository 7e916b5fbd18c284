import { EgressHttp } from '#egress';
import { isObject } from '#kernel';
import { ClientRefusedError, IssuerUnavailableError, type TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import {
  Configuration,
  type ServerMetadata,
  type TokenEndpointResponse,
  allowInsecureRequests,
  authorizationCodeGrant,
  customFetch,
  genericGrantRequest,
  skipStateCheck,
  tokenRevocation,
} from 'openid-client';
import { headerText } from '../../wire-text.js';
import { type IssuerClient, clientAuthOf } from './issuer-client.js';
import { type IssuerFetch, issuerFetch } from './issuer-fetch.js';
import { tokenFailure } from './token-failure.js';

/** Where an issuer is, and how the composer is known there. */
export interface IssuerContact {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint?: string | undefined;
  readonly client: IssuerClient;
}

export interface CodeAnswer {
  readonly code: string;
  readonly redirectUri: string;
  readonly verifier: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** A renewal has 10 seconds in all; what remains is for the store. */
const TOKEN_DEADLINE_MS = 9_000;
const REVOCATION_DEADLINE_MS = 5_000;

/**
 * Asks for tokens, and gives them back. One request for each call: nothing is repeated and no redirect is followed, since
 * a refresh token that was sent twice may end its grant (RFC 9700, 4.14.2).
 */
@Injectable()
export class TokenEndpoint {
  constructor(private readonly http: EgressHttp) {}

  /** @throws GrantRefusedError, ClientRefusedError, IssuerUnavailableError */
  async ask(contact: IssuerContact, grant: string, parameters: Readonly<Record<string, string>>): Promise<TokenSet> {
    const hasGrant = grant === 'refresh_token';
    return this.tokens(contact, hasGrant, (config) => genericGrantRequest(config, grant, { ...parameters }));
  }

  /** Exchanges a code (RFC 6749, 4.1.3; RFC 7636, 4.5). Whose answer it came with has been checked. Throws as `ask` does. */
  async exchange(contact: IssuerContact, answer: CodeAnswer): Promise<TokenSet> {
    const { code, redirectUri, verifier, parameters } = answer;
    const url = new URL(redirectUri);
    url.searchParams.set('code', code);
    const checks = { pkceCodeVerifier: verifier, expectedState: skipStateCheck } as const;
    return this.tokens(contact, true, (config) => authorizationCodeGrant(config, url, checks, { ...parameters }));
  }

  /** RFC 7009. Rejects with what the issuer, or the way to it, has against it. */
  async revoke(contact: IssuerContact, token: string, hint: 'access_token' | 'refresh_token'): Promise<void> {
    const way = issuerFetch(this.http, { timeoutMs: REVOCATION_DEADLINE_MS });
    try {
      await tokenRevocation(await this.configure(contact, way), token, { token_type_hint: hint });
    } catch (error) {
      // RFC 7009, 2.2: whatever is not known there is revoked already.
      throw tokenFailure(error, way.last(), { hasGrant: true });
    }
  }

  private async tokens(
    contact: IssuerContact,
    hasGrant: boolean,
    ask: (config: Configuration) => Promise<TokenEndpointResponse>,
  ): Promise<TokenSet> {
    const way = issuerFetch(this.http, { timeoutMs: TOKEN_DEADLINE_MS, tokens: true });
    try {
      return tokenSetOf(await ask(await this.configure(contact, way)));
    } catch (error) {
      throw tokenFailure(error, way.last(), { hasGrant });
    }
  }

  private async configure(contact: IssuerContact, { fetch }: IssuerFetch): Promise<Configuration> {
    const { issuer, tokenEndpoint, revocationEndpoint, client } = contact;
    const server: ServerMetadata = {
      issuer,
      token_endpoint: tokenEndpoint,
      ...(revocationEndpoint === undefined ? {} : { revocation_endpoint: revocationEndpoint }),
    };
    // The library wants a name; without one `clientAuthOf` sends nothing.
    const config = new Configuration(server, client.id ?? '-', {}, await clientAuthOf(client));
    config[customFetch] = (url, options) => fetch(url, options as RequestInit);
    config.timeout = TOKEN_DEADLINE_MS / 1_000;
    // Plain http gets past egress only where the operator lists the address, as loopback is in development.
    const isPlain = [tokenEndpoint, revocationEndpoint].some((url) => url?.startsWith('http:'));
    if (isPlain) allowInsecureRequests(config);
    return config;
  }
}

function tokenSetOf(answer: TokenEndpointResponse): TokenSet {
  const { access_token, refresh_token, scope, expires_in, token_type } = answer;
  // RFC 9449: such a token is worth nothing without a proof for every request, which the composer does not make.
  // RFC 8693, 2.2.1: N_A is none at all. Asking again gives the same.
  if (token_type !== 'bearer') throw new ClientRefusedError('token_type');
  if (!headerText.safeParse(access_token).success) throw new IssuerUnavailableError('its token fits no header');
  return {
    accessToken: access_token,
    ...(refresh_token === undefined ? {} : { refreshToken: refresh_token }),
    ...(scope === undefined ? {} : { scope }),
    ...(expires_in === undefined ? {} : { expiresInSeconds: expires_in }),
  };
}

/** As it is kept with a token, so that the token can be revoked when the member is gone. */
export function contactFrom(value: unknown): IssuerContact | undefined {
  if (!isObject(value)) return undefined;
  const { issuer, tokenEndpoint, client } = value;
  return typeof issuer === 'string' && typeof tokenEndpoint === 'string' && isObject(client)
    ? (value as unknown as IssuerContact)
    : undefined;
}
