import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { html, sendPage } from '#pages';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import { CallbackDesk } from './callback-desk.js';
import type { ConnectableWish } from './connectable-members.js';
import { ConsentDesk } from './consent-desk.js';
import { explain } from './explain.js';
import { type Visitor, Visitors } from './visitors.js';

/** Exact, letter by letter: nothing is decoded. */
const PATH = /^\/connect\/([A-Za-z0-9][A-Za-z0-9_-]{0,63})$/;
const CALLBACK = 'callback';
const ANSWER = ['state', 'code', 'error'];

/** The pages where a person connects a member. Call it only for requests whose Host and Origin have been judged. */
@Injectable()
export class ConsentListener {
  constructor(
    private readonly visitors: Visitors,
    private readonly consents: ConsentDesk,
    private readonly callbacks: CallbackDesk,
    private readonly log: Log,
  ) {}

  /** Serves what is about connecting, and leaves the rest to `others`. */
  before(others: RequestListener): RequestListener {
    return (request, response) => {
      if (PATH.test(pathOf(request))) this.handle(request, response);
      else others(request, response);
    };
  }

  /** Every path that is served here, with parameters as `:name`. */
  paths(): readonly string[] {
    return ['/connect/:id', `/connect/${CALLBACK}`];
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    this.serve(request, response)
      .catch((error: unknown) => explain(response, error))
      .catch((error: unknown) => {
        this.log.error('a page for connecting a server failed', { err: error });
        if (response.headersSent) return void response.destroy();
        const body = html`<p>The composer could not do this now. Try again.</p>`;
        sendPage(response, { title: 'Not connected', status: 503, body });
      });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method } = request;
    if (method !== 'GET' && method !== 'POST') return void response.writeHead(405, { allow: 'GET, POST' }).end();
    const query = queryOf(request);
    const server = PATH.exec(pathOf(request))![1]!;
    const visitor = await this.visitors.find(request);
    // A server may be called like the callback; only issuers bring these along.
    if (method === 'GET' && server === CALLBACK && ANSWER.some((name) => query.has(name))) {
      return this.callbacks.handle({ request, response, visitor });
    }
    const slug = query.get('tenant');
    if (!visitor) return goTo(response, loginPath(request, slug));
    if (slug !== null && slug !== visitor.tenantSlug)
      return askForTheOther(response, visitor, loginPath(request, slug));
    const tool = query.get('tool');
    const more = query.get('more');
    const wish: ConnectableWish = {
      serverId: server,
      ...(tool === null ? {} : { tool }),
      ...(more === null ? {} : { more }),
    };
    const visit = { request, response, visitor, wish };
    return method === 'POST' ? this.consents.decide(visit) : this.consents.show(visit);
  }
}

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?')[0]!;
const queryOf = ({ url = '' }: IncomingMessage): URLSearchParams => new URLSearchParams(url.split(/\?(.*)/s)[1] ?? '');

function loginPath({ url = '' }: IncomingMessage, slug: string | null): string {
  const query = new URLSearchParams({ ...(slug === null ? {} : { tenant: slug }), return_to: url });
  return `/auth/login?${query.toString()}`;
}

function goTo(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store', 'content-length': 0 }).end();
}

function askForTheOther(response: ServerResponse, { tenantName }: Visitor, login: string): void {
  const body = html`<p>You are signed in at <strong>${tenantName}</strong>, and this link is for another tenant.</p>
    <p><a href="${login}">Sign in there</a></p>`;
  sendPage(response, { title: 'You are somewhere else', status: 403, body });
}
