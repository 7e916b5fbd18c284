import { createHash, randomBytes } from 'node:crypto';
import { SYSTEM } from '#tenancy';
import { sealRef } from '../src/issuers/issuers.js';
import { type BrowserAnswer, CookieBrowser } from '#pages/testing';
import { ACME, type OpenAuthorizationServer } from './open-authorization-server.js';
import { PROVIDER_CLIENT, type SmallIdentityProvider } from './small-identity-provider.js';

export const REDIRECT = 'http://127.0.0.1:4711/callback';

/** One authorization request of a client. */
export interface App {
  readonly id: string;
  readonly verifier: string;
  readonly url: string;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Makes the tenant `acme` trust the provider, and its people sign in there. */
export async function trust(server: OpenAuthorizationServer, idp: SmallIdentityProvider, version = 1): Promise<void> {
  const place = { tenantId: ACME, id: 'idp', version };
  await server.issuerStore.write(
    {
      ...place,
      settings: {
        issuer: idp.url,
        kind: 'jwt',
        audiences: [],
        algorithms: ['ES256'],
        client_id: PROVIDER_CLIENT.id,
        roles_claim: 'groups',
        role_map: { staff: 'developer' },
        default_roles: ['caller'],
        sign_in: { scope: 'openid email' },
      },
      sealedSecret: await server.sealer.seal(sealRef(place), PROVIDER_CLIENT.secret),
    },
    { action: 'issuer.created', actor: SYSTEM },
  );
}

/** MCP clients that register themselves with the tenant `acme`, and the browser of a person who uses them. */
export class SignInClient {
  readonly issuer: string;
  browser = new CookieBrowser();
  private readonly registered = new Map<string, string>();

  constructor(server: Pick<OpenAuthorizationServer, 'publicUrl'>) {
    this.issuer = `${server.publicUrl}/t/acme`;
  }

  /** A client, registered once for each way in which it may be; an address may not register often. */
  async app(more: object = {}, query: Record<string, string> = {}): Promise<App> {
    const key = JSON.stringify(more);
    const id = this.registered.get(key) ?? (await this.register(more));
    this.registered.set(key, id);
    return this.appOf(id, query);
  }

  async register(more: object = {}, issuer = this.issuer): Promise<string> {
    const answer = await fetch(`${issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirect_uris: [REDIRECT],
        client_name: 'Notebook',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        ...more,
      }),
    });
    if (answer.status !== 201) throw new Error(`registration was answered with ${answer.status}`);
    return ((await answer.json()) as { client_id: string }).client_id;
  }

  appOf(id: string, query: Record<string, string> = {}): App {
    const verifier = randomBytes(32).toString('base64url');
    const params = new URLSearchParams({
      client_id: id,
      redirect_uri: REDIRECT,
      response_type: 'code',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      state: 'of-the-app',
      scope: 'mcp',
      resource: `${this.issuer}/mcp`,
      ...query,
    });
    return { id, verifier, url: `${this.issuer}/authorize?${params.toString()}` };
  }

  async consentPage({ url }: App): Promise<BrowserAnswer> {
    return this.browser.follow(url);
  }

  /** Everything after the consent, up to the application. */
  async goOn(page: BrowserAnswer, decision = 'allow'): Promise<BrowserAnswer> {
    const answer = await this.browser.submit(page, decision);
    return answer.next === undefined || isAtApp(answer.next) ? answer : this.browser.follow(answer.next, isAtApp);
  }

  async token(body: Record<string, string>, headers: Record<string, string> = {}) {
    const answer = await fetch(`${this.issuer}/token`, { method: 'POST', body: new URLSearchParams(body), headers });
    // Tests read into it without declaring every answer's shape.

    return { status: answer.status, body: JSON.parse(await answer.text()) };
  }

  async exchange({ id, verifier }: App, code: string, more: Record<string, string> = {}) {
    const code_verifier = verifier;
    const form = { grant_type: 'authorization_code', client_id: id, code, redirect_uri: REDIRECT, code_verifier };
    return this.token({ ...form, ...more });
  }

  async refresh({ id }: Pick<App, 'id'>, { refresh_token }: Pick<Tokens, 'refresh_token'>, more: object = {}) {
    return this.token({ grant_type: 'refresh_token', client_id: id, refresh_token, ...more });
  }

  /** The whole way, to the tokens. */
  async signIn(app?: App): Promise<{ readonly client: App; readonly code: string; readonly tokens: Tokens }> {
    const client = app ?? (await this.app());
    const { code = '' } = answerTo(await this.goOn(await this.consentPage(client)));
    const { body } = await this.exchange(client, code);
    return { client, code, tokens: body as Tokens };
  }
}

/** What the application is told. */
export const answerTo = ({ next, status }: BrowserAnswer): Record<string, string> => {
  if (next === undefined) throw new Error(`the browser was not sent on; the answer was ${status}`);
  return Object.fromEntries(new URL(next).searchParams);
};

export const isAtApp = (url: string): boolean => url.startsWith(REDIRECT);
