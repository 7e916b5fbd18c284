import type { IncomingMessage, ServerResponse } from 'node:http';
import { BrowserCookies, html, sendPage } from '#pages';
import { Injectable } from '@nestjs/common';
import { DEFAULT_SLUG } from '../../edge/mcp-resource.js';
import { IssuerDirectory } from '../issuer-directory.js';
import { SignIn } from '../sign-in/sign-in.js';
import { SignInBrokenError } from '../sign-in/sign-in.errors.js';
import { STATE_SECONDS } from '../sign-in/sign-in-states.js';
import { BrowserSessions } from './browser-sessions.js';
import { explain } from './explain.js';
import { KeyLoginDesk } from './key-login-desk.js';

const DEFAULT_RETURN = '/docs';
/** Fetch Metadata: a page that is not ours has sent the person here. */
const FOREIGN: readonly unknown[] = ['cross-site', 'same-site'];

/** People who use the API and its page in the browser come in here, and leave. */
@Injectable()
export class LoginDesk {
  constructor(
    private readonly directory: IssuerDirectory,
    private readonly signIn: SignIn,
    private readonly sessions: BrowserSessions,
    private readonly cookies: BrowserCookies,
    private readonly keys: KeyLoginDesk,
  ) {}

  async login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { searchParams } = new URL(request.url ?? '', this.directory.publicUrl);
      const issuer = await this.directory.bySlug(searchParams.get('tenant') ?? DEFAULT_SLUG);
      if (!issuer) throw new SignInBrokenError('there is no such tenant');
      const returnTo = this.localPath(searchParams.get('return_to') ?? DEFAULT_RETURN);
      if (!(await this.signIn.isOffered(issuer))) {
        const login = { request, response, issuer, returnTo };
        return request.method === 'POST' ? await this.keys.take(login) : this.keys.ask(login);
      }
      const { location, proof } = await this.signIn.begin(issuer, { kind: 'browser', returnTo });
      response.writeHead(303, {
        location,
        'set-cookie': this.cookies.write(`sign_in_${proof.suffix}`, proof.secret, STATE_SECONDS),
        'cache-control': 'no-store',
        'content-length': 0,
      });
      response.end();
    } catch (error) {
      explain(response, error);
    }
  }

  async logout(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (FOREIGN.includes(request.headers['sec-fetch-site'] ?? '')) return askWhetherToLeave(response);
    response.setHeader('set-cookie', await this.sessions.end(request));
    sendPage(response, { title: 'You are signed out', body: html`<p>You can close this page.</p>` });
  }

  /** Nowhere else than here, however it is spelled. */
  private localPath(path: string): string {
    const base = new URL(this.directory.publicUrl);
    let url: URL | undefined;
    try {
      url = new URL(path, base);
    } catch {
      url = undefined;
    }
    // `/..//host` is a path of ours that, once resolved, names another host: what is sent must be what was judged.
    if (!path.startsWith('/') || url?.origin !== base.origin || url.pathname.startsWith('//')) {
      throw new SignInBrokenError('return_to must be a path of this server');
    }
    return `${url.pathname}${url.search}`;
  }
}

/** A form of somebody else's page could not be sent: its `Origin` is refused before anybody looks at it. */
function askWhetherToLeave(response: ServerResponse): void {
  const body = html`<form method="post" action="/auth/logout"><button>Sign out</button></form>`;
  sendPage(response, { title: 'Do you want to sign out?', body });
}
