import { EgressHttp } from '#egress';
import { Clock, ComposerError } from '#kernel';
import { Injectable } from '@nestjs/common';
import { ConsentRefusedError } from '../../auth.errors.js';
import type { CredentialUse } from '../../credential-use.js';
import { ClientDocument } from './client-document.js';
import { ConsentProvider } from './consent-provider.js';
import { type IssuerClient } from './issuer-client.js';
import { IssuerClients, clientOf } from './issuer-clients.js';
import type { LocatedFacts } from './issuer-facts.js';
import { issuerFetch } from './issuer-fetch.js';

export interface ConsentAsk {
  readonly redirectUri: string;
  readonly state: string;
  readonly scope: string | undefined;
  readonly resource: string | undefined;
}

/** A person on the way to an authorization server. */
export interface BegunConsent {
  readonly url: URL;
  readonly client: IssuerClient;
  /** RFC 7636. */
  readonly verifier: string;
}

const DEADLINE_MS = 15_000;

/**
 * Begins a consent at an authorization server where nobody has entered a client: by the composer's metadata document
 * where the server reads such documents, else by the registration that is kept for it, else by a new one (RFC 7591). This
 * is the official SDK's `auth()`. Codes are exchanged and tokens refreshed without it: it takes every failure of a refresh
 * that is not the issuer's verdict for a reason to ask a person again, and knows no deadline of the whole.
 */
@Injectable()
export class ClientEnrolment {
  constructor(
    private readonly http: EgressHttp,
    private readonly clients: IssuerClients,
    private readonly document: ClientDocument,
    private readonly clock: Clock,
  ) {}

  /** @throws ConsentRefusedError, and what the way to the server ends with */
  async begin(use: CredentialUse, facts: LocatedFacts, ask: ConsentAsk): Promise<BegunConsent> {
    const provider = this.providerFor(use, facts, ask);
    const way = issuerFetch(this.http, { signal: AbortSignal.timeout(DEADLINE_MS) });
    try {
      const { auth } = await import('@modelcontextprotocol/client');
      const { scope } = ask;
      await auth(provider, { serverUrl: use.endpoint, fetchFn: way.fetch, ...(scope === undefined ? {} : { scope }) });
    } catch (error) {
      if (error instanceof ComposerError) throw error;
      const { status, error: word } = way.last() ?? {};
      const said = [status !== undefined && status >= 400 ? `status ${status}` : [], word ?? []].flat().join(', ');
      throw new ConsentRefusedError(
        `its authorization server does not register the composer${said && ` (${said})`}: give client_id in "auth"`,
      );
    }
    if (!provider.begun) throw new ConsentRefusedError('its authorization server sends nobody to a page');
    const { url, client, verifier } = provider.begun;
    return { url, verifier, client: clientOf(client) };
  }

  private providerFor(use: CredentialUse, facts: LocatedFacts, { redirectUri, state }: ConsentAsk): ConsentProvider {
    const { discovered } = facts;
    if (!discovered) throw new ConsentRefusedError('client_id is missing in "auth"');
    const { metadata, resourceMetadata, resourceMetadataUrl } = discovered;
    const isNamed = metadata.client_id_metadata_document_supported === true && this.document.url !== undefined;
    if (!isNamed && !metadata.registration_endpoint) {
      throw new ConsentRefusedError('its authorization server registers nobody: give client_id in "auth"');
    }
    return new ConsentProvider({
      redirectUri,
      state,
      metadata: this.document.metadata,
      documentUrl: this.document.url,
      discovery: {
        authorizationServerUrl: discovered.issuer,
        authorizationServerMetadata: { ...metadata, authorization_endpoint: facts.authorizationEndpoint.href },
        ...(resourceMetadata === undefined ? {} : { resourceMetadata }),
        ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
      },
      find: (issuer) => this.clients.registered(use, issuer, this.clock.now()),
      keep: (issuer, client) => this.clients.keep(use, issuer, client),
    });
  }
}
