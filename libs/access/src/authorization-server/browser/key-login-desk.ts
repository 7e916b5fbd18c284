import type { IncomingMessage, ServerResponse } from 'node:http';
import { BrowserForms, html, readBody, sendPage } from '#pages';
import { Injectable } from '@nestjs/common';
import { CallerIdentity } from '../../identity/caller-identity.js';
import { parseApiKey } from '../../keys/api-key-text.js';
import type { TenantIssuer } from '../issuer-directory.js';
import { SignInBrokenError } from '../sign-in/sign-in.errors.js';
import { BrowserSessions } from './browser-sessions.js';

/** Whoever is to come in, and where they go on. */
export interface KeyLogin {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly issuer: TenantIssuer;
  /** A path of ours. */
  readonly returnTo: string;
}

const MAX_BYTES = 8 * 1024;
const MAX_KEY = 512;

/**
 * Where a tenant has no identity provider, its people show an API key, in a form and nowhere else. It opens a session
 * that is short, may what the key may, and ends with it.
 */
@Injectable()
export class KeyLoginDesk {
  constructor(
    private readonly identity: CallerIdentity,
    private readonly sessions: BrowserSessions,
    private readonly forms: BrowserForms,
  ) {}

  ask(login: KeyLogin, { status = 200, why }: { readonly status?: number; readonly why?: string } = {}): void {
    const { request, response, issuer, returnTo } = login;
    const csrf = this.forms.proofFor(request, response, aboutOf(login));
    const query = new URLSearchParams({ tenant: issuer.tenant.slug, return_to: returnTo });
    const body = html`${why !== undefined && html`<p class="warning">${why}</p>`}
      <p>
        <strong>${issuer.tenant.name}</strong> has no identity provider. Enter an API key of yours: it tells who you
        are, for 15 minutes, in this browser. It is not kept.
      </p>
      <form method="post" action="/auth/login?${query.toString()}">
        <input type="hidden" name="csrf" value="${csrf}" />
        <input
          type="password"
          name="key"
          autocomplete="off"
          required
          maxlength="${String(MAX_KEY)}"
          aria-label="API key"
        />
        <button>Go on</button>
      </form>`;
    sendPage(response, { title: 'Who are you?', status, body });
  }

  /** @throws SignInBrokenError for a form that is not ours; a refused key is asked for again */
  async take(login: KeyLogin): Promise<void> {
    const { request, response, issuer, returnTo } = login;
    const form = new URLSearchParams((await readBody(request, MAX_BYTES)) ?? '');
    if (!this.forms.isOurs(request, aboutOf(login), form.get('csrf') ?? '')) {
      throw new SignInBrokenError('this form does not come from the page that asked you');
    }
    const key = (form.get('key') ?? '').trim();
    const parsed = key.length <= MAX_KEY ? parseApiKey(key) : undefined;
    const { principal, refusal } = parsed ? await this.identity.identifyBy(key, request) : {};
    if (refusal && refusal.status !== 401) {
      if (refusal.retryAfter !== undefined) response.setHeader('retry-after', String(refusal.retryAfter));
      return this.ask(login, { status: refusal.status, why: `${refusal.message}.` });
    }
    const isOwn = principal?.tenantId === issuer.tenant.id && principal.credential.kind === 'api_key';
    if (!parsed || !isOwn) return this.ask(login, { status: 401, why: 'This key is not valid here.' });
    response.appendHeader('set-cookie', await this.sessions.startWithKey(issuer.tenant.id, principal.id, parsed.id));
    response.writeHead(303, { location: returnTo, 'cache-control': 'no-store', 'content-length': 0 });
    response.end();
  }
}

const aboutOf = ({ issuer, returnTo }: KeyLogin): readonly string[] => ['key-login', issuer.tenant.id, returnTo];
