import type { EventEmitter } from 'node:events';
import { type EgressFetch, EgressHttp, egressFetch } from '#egress';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import type * as OidcProvider from 'oidc-provider';
import { redirectProviderNotices } from './provider-notices.js';

export type Library = typeof OidcProvider;

const REFUSALS = ['authorization.error', 'grant.error', 'registration_create.error', 'revocation.error'] as const;

/** Loads oidc-provider when it is first needed, and ties what it says and fetches to our log and our way out. */
@Injectable()
export class ProviderLibrary {
  readonly fetch: EgressFetch;
  private library: Promise<Library> | undefined;

  constructor(
    http: EgressHttp,
    private readonly log: Log,
  ) {
    this.fetch = egressFetch(http);
  }

  async load(): Promise<Library> {
    redirectProviderNotices(this.log);
    return (this.library ??= import('oidc-provider'));
  }

  async make(issuer: string, settings: OidcProvider.Configuration): Promise<OidcProvider.Provider> {
    const { Provider } = await this.load();
    const provider = new Provider(issuer, settings);
    // The listener writes the headers that this makes it believe; what a client sent under these names is gone by then.
    provider.proxy = true;
    this.listen(provider, issuer);
    return provider;
  }

  /** Some of the events are not in the library's types. */
  private listen(provider: EventEmitter, issuer: string): void {
    const failed = (error: unknown): void => this.log.error('the authorization server failed', { issuer, err: error });
    provider.on('server_error', (_context: unknown, error: unknown) => failed(error));
    provider.on('error', failed);
    for (const event of REFUSALS) {
      provider.on(event, ({ path }: { path: string }, error: { error_detail?: string }) => {
        this.log.debug('an OAuth request was refused', { issuer, path, reason: error.error_detail, err: error });
      });
    }
  }
}
