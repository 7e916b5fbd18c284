import { IssuerUnavailableError, type TokenKey } from '#token-store';
import { Injectable } from '@nestjs/common';
import type { CredentialUse } from '../../credential-use.js';
import { IssuedSecrets } from '../../issuers/issued-secrets.js';
import { exchangeRequest } from './grant-request.js';
import { TOKEN_EXCHANGE } from './grant-types.js';
import { IssuerClients } from './issuer-clients.js';
import { contactOf } from './issuer-contact.js';
import { IssuerFinder } from './issuer-finder.js';
import type { Oauth2Settings } from './oauth2-settings.js';
import { TokenEndpoint } from './token-endpoint.js';

export interface AssertionWish {
  /** The member's authorization server, which reads the assertion. */
  readonly audience: string;
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  /** Ends everything that the renewal asks. */
  readonly signal: AbortSignal;
}

/**
 * The identity provider of an enterprise, which decides who may use which member: it exchanges what it knows a person by
 * for an assertion that the member's authorization server takes (Identity Assertion JWT Authorization Grant, 4.3, which is
 * the enterprise-managed authorization of MCP).
 */
@Injectable()
export class IdentityProvider {
  constructor(
    private readonly endpoint: TokenEndpoint,
    private readonly finder: IssuerFinder,
    private readonly clients: IssuerClients,
    private readonly issued: IssuedSecrets,
  ) {}

  /** @throws ClientRefusedError, IssuerUnavailableError, IssuerUntrustedError */
  async assertionFor(
    use: CredentialUse,
    settings: Oauth2Settings,
    { audience, scope, resource, signal }: AssertionWish,
  ): Promise<string> {
    const own: Oauth2Settings = {
      ...providerOf(settings),
      audience,
      ...(scope === undefined ? {} : { scope }),
      ...(resource === undefined ? {} : { resource }),
    };
    const facts = await before(signal, this.finder.find(use, own));
    const contact = contactOf(facts, this.clients.told(own, facts)!);
    const assertion = await this.endpoint.askAssertion(contact, exchangeRequest(own), { signal });
    // It is used at once and not kept; what went wrong with it may still be told.
    this.issued.keep(placeOf(use, contact.issuer), { generation: 1, values: [assertion] });
    return assertion;
  }
}

/** Discovery may take longer than a renewal. It goes on, and the next renewal finds what it has found. */
function before<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new IssuerUnavailableError('timeout'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** The identity provider as an issuer of its own: nothing of the member's client goes there. */
function providerOf(settings: Oauth2Settings): Oauth2Settings {
  const { idp_issuer_url, idp_token_url, idp_client_id, idp_client_secret, subject_token, subject_token_type } =
    settings;
  return {
    grant_type: TOKEN_EXCHANGE,
    identity: 'shared',
    auth_prefix: 'Bearer',
    issuer_url: idp_issuer_url,
    token_url: idp_token_url,
    client_id: idp_client_id,
    client_secret: idp_client_secret,
    subject_token,
    subject_token_type: subject_token_type ?? 'id_token',
    requested_token_type: 'id-jag',
  };
}

const placeOf = ({ member: { tenantId, serverId }, principalId, tool }: CredentialUse, issuer: string): TokenKey => ({
  tenantId,
  serverId,
  kind: 'token',
  issuer,
  fingerprint: `assertion ${tool ?? ''}`,
  ...(principalId === undefined ? {} : { principalId }),
});
