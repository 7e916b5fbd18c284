import { EgressHttp } from '#egress';
import type { JsonObject } from '#kernel';
import { ClientRefusedError, IssuerUnavailableError, type TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import {
  Configuration,
  type DPoPHandle,
  type DPoPOptions,
  type ServerMetadata,
  type TokenEndpointResponse,
  allowInsecureRequests,
  authorizationCodeGrant,
  customFetch,
  genericGrantRequest,
  getDPoPHandle,
  modifyAssertion,
  skipStateCheck,
  tokenRevocation,
} from 'openid-client';
import { headerText } from '../../wire-text.js';
import type { GrantRequest } from './grant-request.js';
import { clientAuthOf } from './issuer-client.js';
import type { IssuerContact } from './issuer-contact.js';
import { type IssuerFetch, issuerFetch } from './issuer-fetch.js';
import { type ProofKey, boundTo, keyPairOf } from './proof-key.js';
import { ProofNonces } from './proof-nonces.js';
import { tokenFailure } from './token-failure.js';
import { tokenTypeUri } from './token-types.js';

/** A proof that goes with a request for tokens, so that these are bound to its key (RFC 9449, 5). */
export interface ProofWish {
  readonly key: ProofKey;
  /** Tokens that are bound to nothing are not taken. */
  readonly isRequired: boolean;
}

export interface CodeAnswer {
  readonly code: string;
  readonly redirectUri: string;
  readonly verifier: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly proof?: ProofWish | undefined;
}

/** What is done with the one request for tokens. */
interface Asking {
  /** See `tokenFailure`. */
  readonly hasGrant: boolean;
  readonly proof?: ProofWish | undefined;
  readonly signal: AbortSignal;
}

/** A renewal has 10 seconds in all; what remains is for the store. */
const TOKEN_DEADLINE_MS = 9_000;
/** Where it takes two: for a nonce, or at an identity provider before. */
const RENEWAL_DEADLINE_MS = 9_500;
const REVOCATION_DEADLINE_MS = 5_000;

/**
 * Asks for tokens, and gives them back. One request for each call: nothing is repeated and no redirect is followed, since
 * a refresh token that was sent twice may end its grant (RFC 9700, 4.14.2). What was refused for want of a nonce is asked
 * once more, with it (RFC 9449, 8): it was not looked at.
 */
@Injectable()
export class TokenEndpoint {
  constructor(
    private readonly http: EgressHttp,
    private readonly nonces: ProofNonces,
  ) {}

  /**
   * `more` of what it gives tells the key that the tokens are bound to.
   * @throws GrantRefusedError, ClientRefusedError, IssuerUnavailableError
   */
  async ask(
    contact: IssuerContact,
    { grant, parameters }: GrantRequest,
    { proof, signal = renewalDeadline() }: Partial<Omit<Asking, 'hasGrant'>> = {},
  ): Promise<TokenSet> {
    const asking = { hasGrant: grant === 'refresh_token', proof, signal };
    return this.request(contact, asking, async (config, options) =>
      tokenSetOf(await genericGrantRequest(config, grant, { ...parameters }, options), proof),
    );
  }

  /**
   * Has an identity provider say, in a JWT for another authorization server, who somebody is. Throws as `ask` does.
   * Source: Identity Assertion JWT Authorization Grant, 4.3.
   */
  async askAssertion(
    contact: IssuerContact,
    { grant, parameters }: GrantRequest,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<string> {
    return this.request(contact, { hasGrant: false, signal }, async (config, options) => {
      const { issued_token_type, access_token } = await genericGrantRequest(config, grant, { ...parameters }, options);
      // Anything else would be a token of the identity provider, and is not for others to see.
      if (issued_token_type !== tokenTypeUri('id-jag')) throw new ClientRefusedError('issued_token_type');
      return access_token;
    });
  }

  /** Exchanges a code (RFC 6749, 4.1.3; RFC 7636, 4.5). Whose answer it came with has been checked. Throws as `ask` does. */
  async exchange(contact: IssuerContact, answer: CodeAnswer): Promise<TokenSet> {
    const { code, redirectUri, verifier, parameters, proof } = answer;
    const url = new URL(redirectUri);
    url.searchParams.set('code', code);
    const checks = { pkceCodeVerifier: verifier, expectedState: skipStateCheck } as const;
    const asking = { hasGrant: true, proof, signal: renewalDeadline() };
    return this.request(contact, asking, async (config, options) =>
      tokenSetOf(await authorizationCodeGrant(config, url, checks, { ...parameters }, options), proof),
    );
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

  private async request<T>(
    contact: IssuerContact,
    { hasGrant, proof, signal }: Asking,
    ask: (config: Configuration, options: DPoPOptions) => Promise<T>,
  ): Promise<T> {
    const way = issuerFetch(this.http, { timeoutMs: TOKEN_DEADLINE_MS, signal, tokens: true });
    const { origin } = new URL(contact.tokenEndpoint);
    try {
      const config = await this.configure(contact, way);
      const DPoP = proof && (await this.proofs(config, proof.key, origin));
      return await ask(config, DPoP ? { DPoP } : {});
    } catch (error) {
      throw tokenFailure(error, way.last(), { hasGrant });
    } finally {
      const nonce = way.last()?.nonce;
      if (proof && nonce !== undefined) this.nonces.note(proof.key, origin, nonce);
    }
  }

  /** With the nonce that was given last, until the answer gives another one. */
  private async proofs(config: Configuration, key: ProofKey, origin: string): Promise<DPoPHandle> {
    const nonce = this.nonces.find(key, origin);
    return getDPoPHandle(config, await keyPairOf(key), {
      [modifyAssertion](_, payload) {
        if (nonce !== undefined) payload['nonce'] ??= nonce;
      },
    });
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

/** Of all that one renewal asks, wherever it asks it. */
export const renewalDeadline = (): AbortSignal => AbortSignal.timeout(RENEWAL_DEADLINE_MS);

function tokenSetOf(answer: TokenEndpointResponse, proof: ProofWish | undefined): TokenSet {
  const { access_token, refresh_token, scope, expires_in, token_type } = answer;
  const isBound = token_type === 'dpop';
  // RFC 9449, 5: one is worth nothing without the key, the other is not worth enough. RFC 8693, 2.2.1: N_A is none at all.
  // Asking again gives the same.
  const isWanted = isBound ? proof !== undefined : token_type === 'bearer' && proof?.isRequired !== true;
  if (!isWanted) throw new ClientRefusedError('token_type');
  if (!headerText.safeParse(access_token).success) throw new IssuerUnavailableError('its token fits no header');
  return {
    accessToken: access_token,
    ...(refresh_token === undefined ? {} : { refreshToken: refresh_token }),
    ...(scope === undefined ? {} : { scope }),
    ...(expires_in === undefined ? {} : { expiresInSeconds: expires_in }),
    ...(proof ? { more: boundTo(proof.key, isBound) satisfies JsonObject } : {}),
  };
}
