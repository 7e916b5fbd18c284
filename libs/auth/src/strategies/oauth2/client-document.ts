import { type ListenConfig, listenConfig } from '#config';
import { Inject, Injectable } from '@nestjs/common';
import type { OAuthClientMetadata } from '@modelcontextprotocol/client';
import { connectCallback } from '../../connect-address.js';
import { type MemberClientConfig, memberClientConfig } from '../../member-client.config.js';

export const CLIENT_NAME = 'MCP Composer';
export const DOCUMENT_PATH = '/.well-known/mcp-composer-client.json';

/** How the composer describes itself to authorization servers of members. */
@Injectable()
export class ClientDocument {
  constructor(
    @Inject(listenConfig.KEY) private readonly listen: ListenConfig,
    @Inject(memberClientConfig.KEY) private readonly config: MemberClientConfig,
  ) {}

  /** Its address, which is its `client_id` too. Absent where no server could read it: it has to be https. */
  get url(): string | undefined {
    return this.config.documentUrl ?? (this.own.startsWith('https:') ? this.own : undefined);
  }

  /** The `client_id` in the document that is served here: whoever reads it must find the address that was read. */
  get servedAs(): string {
    const { documentUrl } = this.config;
    return documentUrl?.endsWith(DOCUMENT_PATH) ? documentUrl : this.own;
  }

  private get own(): string {
    return this.listen.publicUrl + DOCUMENT_PATH;
  }

  get redirectUri(): string {
    return connectCallback(this.listen.publicUrl);
  }

  /** RFC 7591, 2. A public client: PKCE is what its codes are bound to. */
  get metadata(): OAuthClientMetadata {
    const { publicUrl, isLoopback } = this.listen;
    return {
      client_name: CLIENT_NAME,
      client_uri: publicUrl,
      redirect_uris: [this.redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      // OpenID Connect Registration, 2: a web client has no redirect to this machine.
      application_type: isLoopback && publicUrl.startsWith('http:') ? 'native' : 'web',
    };
  }
}
