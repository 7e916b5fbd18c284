import { EgressHttp } from '#egress';
import { ComposerError, parseUrl } from '#kernel';
import { IssuerUnavailableError } from '#token-store';
import type { OAuthProtectedResourceMetadata } from '@modelcontextprotocol/client';
import { Injectable } from '@nestjs/common';
import { IssuerUntrustedError } from '../../auth.errors.js';
import type { Discovered } from './issuer-facts.js';
import { type IssuerFetch, issuerFetch } from './issuer-fetch.js';

type Sdk = typeof import('@modelcontextprotocol/client');

/** What may be asked of a member without a credential: it does nothing where it is answered at all. */
const PING = JSON.stringify({ jsonrpc: '2.0', id: 'composer', method: 'ping' });
const EVENTS = 'application/json, text/event-stream';
/** Everything together; a member that streams to anybody takes one request's share of it. */
const DEADLINE_MS = 15_000;
const REQUEST_MS = 4_000;
const MAX_SCOPE = 2_048;

interface Protected {
  readonly metadata?: OAuthProtectedResourceMetadata;
  readonly url?: string;
  readonly scope?: string;
  readonly asksProofs?: boolean;
}

/** RFC 9110, 11.6.1: the scheme of a challenge, wherever in the list it stands, but not in a text. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;
const PROOF_CHALLENGE = /(^|,\s*)dpop(\s|,|$)/i;

/**
 * Finds the authorization server of a member, as MCP wants it: the member's own metadata (RFC 9728), named in its
 * challenge or at a well-known place; then that of the server (RFC 8414, or OpenID Connect Discovery). The official SDK
 * reads both. What it lets pass and this does not: metadata of another issuer that differs by a slash alone, and a server
 * that is merely away, in place of which it would ask another one.
 */
@Injectable()
export class IssuerDiscovery {
  constructor(private readonly http: EgressHttp) {}

  /** @throws IssuerUntrustedError, IssuerUnavailableError */
  async at(issuer: string): Promise<Discovered> {
    return this.reading(async (way, sdk) => ({ issuer, metadata: await this.metadataOf([issuer], way, sdk) }));
  }

  /** @throws IssuerUntrustedError, IssuerUnavailableError */
  async of(endpoint: URL): Promise<Discovered> {
    return this.reading(async (way, sdk) => {
      const found = await this.protectedResource(endpoint, way, sdk);
      const { metadata: resourceMetadata, url, scope, asksProofs } = found;
      const told = resourceMetadata?.authorization_servers?.[0];
      // Before there was RFC 9728, the server itself was its authorization server, with or without a slash.
      const { origin } = endpoint;
      const metadata = await this.metadataOf(told === undefined ? [origin, `${origin}/`] : [told], way, sdk);
      return {
        issuer: metadata.issuer,
        metadata,
        ...(resourceMetadata === undefined ? {} : { resourceMetadata }),
        ...(url === undefined ? {} : { resourceMetadataUrl: url }),
        ...(scope === undefined ? {} : { scope }),
        ...(asksProofs ? { asksProofs } : {}),
      };
    });
  }

  private async reading(read: (way: IssuerFetch, sdk: Sdk) => Promise<Discovered>): Promise<Discovered> {
    const way = issuerFetch(this.http, { timeoutMs: REQUEST_MS, signal: AbortSignal.timeout(DEADLINE_MS) });
    try {
      // Loaded when it is first needed: it takes longer than the rest of the start.
      return await read(way, await import('@modelcontextprotocol/client'));
    } catch (error) {
      if (error instanceof IssuerUntrustedError || error instanceof IssuerUnavailableError) throw error;
      throw failureOf(error, way);
    }
  }

  private async protectedResource(endpoint: URL, way: IssuerFetch, sdk: Sdk): Promise<Protected> {
    const { resourceMetadataUrl: url, scope, asksProofs = false } = await this.challenge(endpoint, way, sdk);
    const told = { asksProofs, ...(scope === undefined || scope.length > MAX_SCOPE ? {} : { scope }) };
    const metadata = await this.resourceMetadata(endpoint, url, { way, sdk });
    if (metadata === undefined) return told;
    // RFC 9728, 3.3: otherwise somebody else's token would be asked for.
    if (!sdk.checkResourceAllowed({ requestedResource: endpoint, configuredResource: metadata.resource })) {
      throw new IssuerUntrustedError('the metadata of the server is that of another resource');
    }
    return { ...told, metadata, ...(url === undefined ? {} : { url: url.href }) };
  }

  /** `undefined` if there is none; a member that is away is not one without metadata. */
  private async resourceMetadata(
    endpoint: URL,
    resourceMetadataUrl: URL | undefined,
    { way, sdk }: { readonly way: IssuerFetch; readonly sdk: Sdk },
  ): Promise<OAuthProtectedResourceMetadata | undefined> {
    try {
      const options = resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl };
      return await sdk.discoverOAuthProtectedResourceMetadata(endpoint, options, way.fetch);
    } catch (error) {
      const { status } = way.last() ?? {};
      const isAbsent = status !== undefined && status >= 400 && status < 500 && status !== 429;
      if (isAbsent && resourceMetadataUrl === undefined) return undefined;
      throw error;
    }
  }

  /** What the member says to somebody without a credential (RFC 9728, 5.1). Nothing, if it says nothing. */
  private async challenge(
    endpoint: URL,
    way: IssuerFetch,
    sdk: Sdk,
  ): Promise<{ resourceMetadataUrl?: URL; scope?: string; asksProofs?: boolean }> {
    const headers = { accept: EVENTS, 'content-type': 'application/json' };
    for (const ask of [
      { method: 'GET', headers: { accept: EVENTS } },
      { method: 'POST', headers, body: PING },
    ]) {
      try {
        const answer = await way.fetch(endpoint, ask);
        if (answer.status !== 401) continue;
        const schemes = (answer.headers.get('www-authenticate') ?? '').replace(QUOTED, '""');
        const asksProofs = PROOF_CHALLENGE.test(schemes);
        return { ...sdk.extractWWWAuthenticateParams(answer), asksProofs };
      } catch (error) {
        // It may stream to everybody, or take no requests of this kind: its metadata will tell.
        if (!(error instanceof ComposerError)) throw error;
      }
    }
    return {};
  }

  private async metadataOf(names: readonly [string, ...string[]], way: IssuerFetch, sdk: Sdk) {
    const [issuer] = names;
    if (!parseUrl(issuer)) throw new IssuerUntrustedError('its identifier is no URL');
    const metadata = await sdk.discoverAuthorizationServerMetadata(issuer, { fetchFn: way.fetch });
    if (!metadata) {
      const { status = 0 } = way.last() ?? {};
      if (status >= 500 || status === 429) throw new IssuerUnavailableError(`status ${status} of its metadata`);
      throw new IssuerUntrustedError('it has no metadata (RFC 8414): give token_url and authorization_url in "auth"');
    }
    // RFC 8414, 3.3: identical, and not merely alike.
    if (!names.includes(metadata.issuer)) throw new IssuerUntrustedError('its metadata is that of another issuer');
    // The SDK leaves out what it does not read itself: where tokens are revoked (RFC 7009), for one.
    return { ...way.json(), ...metadata };
  }
}

function failureOf(error: unknown, way: IssuerFetch): ComposerError {
  // By name: the class stands in a library that is loaded late.
  if (error instanceof Error && error.name === 'IssuerMismatchError') {
    return new IssuerUntrustedError('its metadata is that of another issuer');
  }
  const { status } = way.last() ?? {};
  if (error instanceof ComposerError && !error.retryable) {
    return new IssuerUntrustedError(`${error.code.replace('COMPOSER_', '').toLowerCase()} at its metadata`, error);
  }
  // What came was read, and was no metadata.
  if (status !== undefined && status < 400) return new IssuerUntrustedError('its metadata cannot be read');
  const reason = status === undefined ? 'its metadata did not come' : `status ${status} of its metadata`;
  return new IssuerUnavailableError(reason, error instanceof ComposerError ? { cause: error } : {});
}
