import type { JsonObject } from '#kernel';
import type { Actor } from '#tenancy';
import { ClientRefusedError, TokenKeeper, type TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import { ConsentRefusedError } from '../../auth.errors.js';
import type { CredentialUse } from '../../credential-use.js';
import { codeOf } from './authorization-answer.js';
import { IssuerClients } from './issuer-clients.js';
import { type KeptConsent, keptConsent } from './kept-consent.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { Oauth2Tokens, keepable, proofFor } from './oauth2-tokens.js';
import { TokenEndpoint } from './token-endpoint.js';

export interface ConsentAnswer {
  readonly kept: JsonObject;
  /** Of the callback, as the browser brought them. */
  readonly callbackParams: URLSearchParams;
  readonly by: Actor;
}

/** From the answer of an authorization server to a credential that is kept. */
@Injectable()
export class ConsentEnd {
  constructor(
    private readonly keeper: TokenKeeper,
    private readonly endpoint: TokenEndpoint,
    private readonly tokens: Oauth2Tokens,
    private readonly clients: IssuerClients,
  ) {}

  async finish(use: CredentialUse, settings: Oauth2Settings, answer: ConsentAnswer): Promise<void> {
    const kept = keptConsent(answer.kept);
    const key = await this.tokens.keyFor(use, settings, kept);
    if (key.fingerprint !== kept.fingerprint || (use.principalId ?? null) !== kept.principal) {
      throw new ConsentRefusedError('the server was changed meanwhile: begin again');
    }
    const code = codeOf(answer.callbackParams, kept);
    const tokens = await this.exchange(use, settings, { code, kept });
    await this.keeper.put(key, tokens, answer.by);
  }

  private async exchange(
    use: CredentialUse,
    settings: Oauth2Settings,
    { code, kept }: { readonly code: string; readonly kept: KeptConsent },
  ): Promise<TokenSet> {
    const { contact, redirectUri, verifier, resource, scope, isTold } = kept;
    const parameters = resource === null ? {} : { resource };
    const proof = proofFor(settings, kept);
    try {
      const tokens = await this.endpoint.exchange(contact, { code, redirectUri, verifier, parameters, proof });
      // RFC 6749, 5.1: without a scope in the answer it is the one that was asked for.
      return keepable({ ...(scope === null ? {} : { scope }), ...tokens }, contact, scope ?? undefined);
    } catch (error) {
      const isGone = !isTold && error instanceof ClientRefusedError && error.reason === 'invalid_client';
      if (isGone) await this.clients.forget(use, contact.issuer);
      throw error;
    }
  }
}
