import type {
  OAuthClientInformationContext,
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
} from '@modelcontextprotocol/client';

export interface ConsentProviderParts {
  readonly redirectUri: string;
  readonly state: string;
  readonly metadata: OAuthClientMetadata;
  /** Address of the client ID metadata document, where there is one. */
  readonly documentUrl: string | undefined;
  readonly discovery: OAuthDiscoveryState;
  readonly find: (issuer: string) => Promise<StoredOAuthClientInformation | undefined>;
  readonly keep: (issuer: string, client: StoredOAuthClientInformation) => Promise<void>;
}

/**
 * What the SDK's `auth()` asks of whoever begins a consent. It takes no part in tokens: these are had, kept and renewed
 * elsewhere.
 */
export class ConsentProvider implements OAuthClientProvider {
  readonly clientMetadataUrl?: string;
  readonly redirectUrl: string;
  readonly clientMetadata: OAuthClientMetadata;
  /** Where the person is sent, with whom as the client; there when `auth()` has ended. */
  begun: { readonly url: URL; readonly verifier: string; readonly client: StoredOAuthClientInformation } | undefined;
  private client: StoredOAuthClientInformation | undefined;
  private verifier = '';

  constructor(private readonly parts: ConsentProviderParts) {
    const { documentUrl, redirectUri, metadata } = parts;
    if (documentUrl !== undefined) this.clientMetadataUrl = documentUrl;
    this.redirectUrl = redirectUri;
    this.clientMetadata = { ...metadata, redirect_uris: [redirectUri] };
  }

  state(): string {
    return this.parts.state;
  }

  discoveryState(): OAuthDiscoveryState {
    return this.parts.discovery;
  }

  async clientInformation(context?: OAuthClientInformationContext): Promise<StoredOAuthClientInformation | undefined> {
    return (this.client ??= context && (await this.parts.find(context.issuer)));
  }

  async saveClientInformation(
    client: StoredOAuthClientInformation,
    context?: OAuthClientInformationContext,
  ): Promise<void> {
    this.client = client;
    if (context) await this.parts.keep(context.issuer, client);
  }

  tokens(): undefined {
    return undefined;
  }

  saveTokens(): never {
    throw new Error('a consent that begins has no tokens');
  }

  saveCodeVerifier(verifier: string): void {
    this.verifier = verifier;
  }

  codeVerifier(): string {
    return this.verifier;
  }

  redirectToAuthorization(url: URL): void {
    if (this.client) this.begun = { url, verifier: this.verifier, client: this.client };
  }
}
