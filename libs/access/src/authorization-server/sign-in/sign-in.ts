import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Issuers, type TrustedIssuer } from '../../issuers/issuers.js';
import { IssuerDirectory, type TenantIssuer } from '../issuer-directory.js';
import type { ProviderClient, ProviderTokens } from './egress-oauth2.strategy.js';
import { IdentityProviders, type ProviderMetadata } from './identity-providers.js';
import { type Person, PersonFinder } from './person-finder.js';
import { SignInBrokenError, SignInRefusedError, SignInUnavailableError } from './sign-in.errors.js';
import { type BrowserProof, type SignInPurpose, type SignInState, SignInStates } from './sign-in-states.js';

/** What an identity provider has sent a browser back with. */
export interface SignInAnswer {
  readonly state: string;
  readonly code?: string | undefined;
  readonly error?: string | undefined;
  readonly iss?: string | undefined;
}

interface Way {
  readonly issuer: TrustedIssuer;
  readonly metadata: ProviderMetadata;
  readonly clientSecret: string | undefined;
}

/** Sends people to the identity provider of their tenant, and finds out who has come back. */
@Injectable()
export class SignIn {
  constructor(
    private readonly issuers: Issuers,
    private readonly directory: IssuerDirectory,
    private readonly providers: IdentityProviders,
    private readonly finder: PersonFinder,
    private readonly states: SignInStates,
  ) {}

  get callbackPath(): string {
    return this.issuers.callbackPath;
  }

  /** Whether the tenant has an identity provider, which may be away. */
  async isOffered({ tenant }: TenantIssuer): Promise<boolean> {
    return (await this.issuers.signInOf(tenant.id)) !== undefined;
  }

  /** Where people of the tenant sign in, for them to see. @throws SignInUnavailableError */
  async placeOf({ tenant }: TenantIssuer): Promise<string> {
    const { metadata } = await this.way(await this.issuers.signInOf(tenant.id));
    return new URL(metadata.authorizationUrl).host;
  }

  /** @throws SignInUnavailableError */
  async begin(
    at: TenantIssuer,
    purpose: SignInPurpose,
  ): Promise<{ readonly location: string; readonly proof: BrowserProof }> {
    const way = await this.way(await this.issuers.signInOf(at.tenant.id));
    const nonce = randomBytes(32).toString('base64url');
    let proof: BrowserProof | undefined;
    const keep = async (verifier: string): Promise<string> => {
      const opened = await this.states.open(at, { purpose, issuerId: way.issuer.id, nonce, verifier });
      proof = opened.proof;
      return opened.state;
    };
    const location = await this.providers.strategy(this.clientOf(way), { nonce, keep }).begin();
    return { location, proof: proof! };
  }

  suffixOf(state: string): string | undefined {
    return this.states.suffixOf(state);
  }

  /** The sign-in that this browser has begun; it cannot be asked for twice. @throws SignInBrokenError */
  async resume(state: string, secret: string | undefined): Promise<SignInState> {
    const kept = await this.states.take(state, secret);
    if (!kept) throw new SignInBrokenError('this sign-in was not begun in this browser, is too old, or is over');
    return kept;
  }

  /** @throws SignInBrokenError, SignInRefusedError, SignInUnavailableError */
  async finish(kept: SignInState, answer: SignInAnswer): Promise<Person> {
    const trusted = await this.issuers.list(kept.tenantId);
    const way = await this.way(trusted.find(({ id }) => id === kept.issuerId));
    const { issuer, namesItself } = way.metadata;
    // RFC 9207, 2.4: compared before anything else of the answer is looked at.
    if (answer.iss === undefined ? namesItself : answer.iss !== issuer) {
      throw new SignInBrokenError('this answer is from another identity provider than the one that was asked');
    }
    if (answer.code === undefined) {
      throw new SignInRefusedError('the identity provider did not sign you in', { error: answer.error });
    }
    const tokens = await this.exchange(way, kept, { ...answer, code: answer.code });
    return this.finder.find({ ...way, tokens, nonce: kept.nonce });
  }

  private async exchange(
    way: Way,
    { nonce, verifier }: SignInState,
    { code, state }: { readonly code: string; readonly state: string },
  ): Promise<ProviderTokens> {
    const keep = async (): Promise<string> => Promise.reject(new Error('nothing is kept on the way back'));
    const strategy = this.providers.strategy(this.clientOf(way), { nonce, verifier, keep });
    try {
      return await strategy.exchange(code, state);
    } catch (error) {
      throw new SignInRefusedError('the identity provider did not confirm the sign-in', error);
    }
  }

  private async way(issuer: TrustedIssuer | undefined): Promise<Way> {
    if (!issuer?.settings.sign_in) {
      throw new SignInUnavailableError('no identity provider is set up here, so nobody can sign in');
    }
    const [metadata, clientSecret] = await Promise.all([
      this.providers.metadataOf(issuer),
      this.issuers.secretOf(issuer),
    ]);
    return { issuer, metadata, clientSecret };
  }

  private clientOf({ issuer: { settings }, metadata, clientSecret }: Way): ProviderClient {
    const { authorizationUrl, tokenUrl, tokenAuth } = metadata;
    return {
      clientId: settings.client_id ?? '',
      clientSecret,
      authorizationUrl,
      tokenUrl,
      tokenAuth,
      scope: settings.sign_in?.scope ?? 'openid',
      callbackUrl: this.directory.publicUrl + this.issuers.callbackPath,
    };
  }
}
