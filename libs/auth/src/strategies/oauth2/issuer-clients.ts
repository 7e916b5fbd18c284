import { type JsonObject, isObject } from '#kernel';
import { TokenKeeper, type TokenKey } from '#token-store';
import { SYSTEM } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { StoredOAuthClientInformation } from '@modelcontextprotocol/client';
import type { CredentialUse } from '../../credential-use.js';
import { TokenKeys } from '../../token-keys.js';
import { ClientDocument } from './client-document.js';
import { JWT_BEARER, grantOf, hasProvider } from './grant-types.js';
import type { ClientAuthentication, IssuerClient } from './issuer-client.js';
import type { IssuerFacts } from './issuer-facts.js';
import type { Oauth2Settings } from './oauth2-settings.js';

/** How the composer is known to issuers: as the settings say, or as it was registered there (RFC 7591). */
@Injectable()
export class IssuerClients {
  constructor(
    private readonly keeper: TokenKeeper,
    private readonly document: ClientDocument,
    private readonly keys: TokenKeys,
  ) {}

  /** The client that the settings name; `undefined` if they name none. */
  told(settings: Oauth2Settings, facts: Pick<IssuerFacts, 'discovered'>): IssuerClient | undefined {
    const { client_id, client_secret, private_key, private_key_id, private_key_alg, assertion_audience } = settings;
    if (client_id === undefined && grantOf(settings) === 'authorization_code') return undefined;
    const authentication = wayOf(settings, facts);
    const isSigned = authentication === 'private_key_jwt';
    const ofAssertion = signsAssertion(settings) ? undefined : assertion_audience;
    return {
      authentication,
      ...(client_id === undefined ? {} : { id: client_id }),
      ...(client_secret === undefined ? {} : { secret: client_secret }),
      ...(isSigned ? { key: { private_key: private_key!, private_key_id, private_key_alg } } : {}),
      ...(isSigned && ofAssertion !== undefined ? { audience: ofAssertion } : {}),
    };
  }

  /** What an issuer has registered for this member, if it is not over yet. */
  async registered(use: CredentialUse, issuer: string, now: number): Promise<StoredOAuthClientInformation | undefined> {
    const live = await this.keeper.find(await this.keyOf(use, issuer));
    const client = live?.tokens.more?.['client'];
    if (!isObject(client) || typeof client['client_id'] !== 'string') return undefined;
    const end = client['client_secret_expires_at'];
    if (typeof end === 'number' && end > 0 && end * 1_000 <= now) return undefined;
    return client as unknown as StoredOAuthClientInformation;
  }

  async keep(use: CredentialUse, issuer: string, client: StoredOAuthClientInformation): Promise<void> {
    // A client that is named by its document is not registered: there is nothing to keep.
    if (client.client_id === this.document.url) return;
    const kept = JSON.parse(JSON.stringify(client)) as JsonObject;
    // The keeper masks what stands there wherever text leaves; a name is no secret.
    const secret = client.client_secret ?? 'none';
    await this.keeper.put(await this.keyOf(use, issuer), { accessToken: secret, more: { client: kept } }, SYSTEM);
  }

  /** Of what `keep` keeps. */
  async fingerprint(use: CredentialUse): Promise<string> {
    return this.keys.fingerprint(use, this.parts());
  }

  /** The issuer does not know it any more: the next consent registers the composer again. */
  async forget(use: CredentialUse, issuer: string): Promise<void> {
    await this.keeper.take(await this.keyOf(use, issuer), SYSTEM);
  }

  /** One for each issuer, so that what one has given is never shown to another. */
  private async keyOf(use: CredentialUse, issuer: string): Promise<TokenKey> {
    return this.keys.of(use, { ...this.parts(), issuer, kind: 'client' });
  }

  private parts() {
    return { strategy: 'oauth2', settings: { redirect_uri: this.document.redirectUri } };
  }
}

/** As it was registered, in our words. */
export function clientOf(information: StoredOAuthClientInformation): IssuerClient {
  const { client_id: id, client_secret: secret } = information;
  const named = (information as { readonly token_endpoint_auth_method?: unknown }).token_endpoint_auth_method;
  if (secret === undefined || named === 'none') return { id, authentication: 'none' };
  // RFC 7591, 2: basic where nothing else was said.
  return { id, secret, authentication: named === 'client_secret_post' ? named : 'client_secret_basic' };
}

/**
 * Where the settings do not say: what the metadata offers, basic first (RFC 8414, 2); without metadata the form, which is
 * how the original sends it.
 */
function wayOf(settings: Oauth2Settings, { discovered }: Pick<IssuerFacts, 'discovered'>): ClientAuthentication {
  const { client_authentication, client_secret, private_key } = settings;
  if (client_authentication !== undefined) return client_authentication;
  if (client_secret === undefined) {
    return private_key !== undefined && !signsAssertion(settings) ? 'private_key_jwt' : 'none';
  }
  if (!discovered) return 'client_secret_post';
  const offered = discovered.metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  if (offered.includes('client_secret_basic')) return 'client_secret_basic';
  return offered.includes('client_secret_post') ? 'client_secret_post' : 'client_secret_basic';
}

/** What `private_key` signs is the assertion of the grant, and not one of the client. */
function signsAssertion(settings: Oauth2Settings): boolean {
  return grantOf(settings) === JWT_BEARER && !hasProvider(settings);
}
