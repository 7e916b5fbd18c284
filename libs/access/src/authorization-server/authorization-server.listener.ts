import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import { BrowserDesk } from './browser/browser-desk.js';
import { IssuerDirectory } from './issuer-directory.js';
import { ISSUER_PATHS, parseIssuerPath } from './issuer-path.js';
import { answerJson, providerRequest, withBody } from './provider-request.js';
import { RegistrationDesk } from './registration-desk.js';
import { TenantProviders } from './tenant-providers.js';

/**
 * Serves the tenants' authorization servers, without Nest: OAuth bodies are forms, which the API does not take. Call it
 * only for requests whose Host and Origin have been judged.
 */
@Injectable()
export class AuthorizationServerListener {
  constructor(
    private readonly issuers: IssuerDirectory,
    private readonly providers: TenantProviders,
    private readonly registrations: RegistrationDesk,
    private readonly browsers: BrowserDesk,
    private readonly log: Log,
  ) {}

  /** Serves what is an authorization server's, and leaves the rest to `others`. */
  before(others: RequestListener): RequestListener {
    return (request, response) => {
      if (this.handles((request.url ?? '').split('?')[0]!)) this.handle(request, response, others);
      else others(request, response);
    };
  }

  /** Every path that is an authorization server's, with parameters as `:name`. */
  paths(): readonly string[] {
    return [...ISSUER_PATHS, ...this.browsers.paths];
  }

  /** By form alone: whether there is such a tenant shows in the answer. */
  handles(pathname: string): boolean {
    return parseIssuerPath(pathname) !== undefined || this.browsers.routeOf(pathname) !== undefined;
  }

  /** @param otherwise answers for paths of tenants that are not there, as it does for any route that is not */
  handle(request: IncomingMessage, response: ServerResponse, otherwise: RequestListener): void {
    this.serve(request, response, otherwise).catch((error: unknown) => {
      this.log.error('a request to the authorization server failed', { err: error });
      if (response.headersSent) return void response.destroy();
      const body = { error: 'temporarily_unavailable', error_description: 'try again' };
      answerJson(response, { status: 503, body });
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse, otherwise: RequestListener): Promise<void> {
    const [pathname = '', query] = (request.url ?? '').split(/\?(.*)/s);
    const route = this.browsers.routeOf(pathname);
    if (route) return route(request, response);
    const path = parseIssuerPath(pathname);
    const issuer = path && (await this.issuers.bySlug(path.tenantSlug));
    if (!path || !issuer) return otherwise(request, response);

    const provider = await this.providers.get(issuer);
    if (path.kind === 'consent') {
      const uid = path.route.slice(path.route.lastIndexOf('/') + 1);
      return this.browsers.ask({ request, response, issuer, provider, uid });
    }
    const url = query === undefined ? path.route : `${path.route}?${query}`;
    if (path.route !== '/register' || request.method !== 'POST') {
      return provider.callback()(providerRequest(request, issuer, url), response);
    }
    const registration = await this.registrations.read(request);
    if ('body' in registration) {
      const asked = withBody(providerRequest(request, issuer, url), registration.body);
      return provider.callback()(asked, response);
    }
    const { status, refusal, retryAfter } = registration;
    const wait = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
    const end = status === 413 ? { connection: 'close' } : {};
    answerJson(response, { status, body: refusal, headers: { ...wait, ...end } });
  }
}
