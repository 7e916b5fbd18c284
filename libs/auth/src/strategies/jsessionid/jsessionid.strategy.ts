import { EgressHttp } from '#egress';
import { Clock } from '#kernel';
import { TokenKeeper, type TokenSet } from '#token-store';
import { Injectable } from '@nestjs/common';
import type { AuthStrategy, RequestPatch } from '../../auth-strategy.js';
import type { AnswerSign, CredentialUse } from '../../credential-use.js';
import { IssuedSecrets } from '../../issuers/issued-secrets.js';
import { type TokenKeyParts, TokenKeys } from '../../token-keys.js';
import { csrfHeaders } from './csrf-headers.js';
import { logIn } from './form-login.js';
import { type JsessionidSettings as Settings, jsessionidSettings } from './jsessionid-settings.js';
import { hasEnded } from './login-page.js';
import { OpenSessions } from './open-sessions.js';

/**
 * A session like that of a browser: a login form is sent once, its cookies go with every request that they are for, and
 * the form is sent again when the session has ended. What answers change in the cookies is known to this process alone.
 */
@Injectable()
export class JsessionidStrategy implements AuthStrategy<Settings> {
  readonly name = 'jsessionid';
  readonly aliases = ['jessionid'];
  readonly settings = jsessionidSettings;
  readonly secrets = ['password'];
  private readonly sessions = new OpenSessions();

  constructor(
    private readonly keeper: TokenKeeper,
    private readonly http: EgressHttp,
    private readonly issued: IssuedSecrets,
    private readonly keys: TokenKeys,
    private readonly clock: Clock,
  ) {}

  async authorize(use: CredentialUse, settings: Settings): Promise<RequestPatch> {
    return this.current(use, settings);
  }

  async renew(use: CredentialUse, settings: Settings, { generation }: RequestPatch): Promise<RequestPatch> {
    return this.current(use, settings, generation);
  }

  refuses(answer: AnswerSign, settings: Settings): boolean {
    return hasEnded(answer, settings);
  }

  async fingerprints(use: CredentialUse, settings: Settings): Promise<readonly string[]> {
    return [await this.keys.fingerprint(use, this.partsOf(use, settings))];
  }

  noteAccepted(use: CredentialUse, settings: Settings, { generation }: RequestPatch): void {
    const key = this.keys.peek(use, this.partsOf(use, settings));
    if (key && generation !== undefined) this.keeper.noteAccepted(key, generation);
  }

  private async current(use: CredentialUse, settings: Settings, refused?: number): Promise<RequestPatch> {
    const key = await this.keys.of(use, this.partsOf(use, settings));
    const options = refused === undefined ? {} : { refused };
    const live = await this.keeper.current(key, () => this.logIn(use, settings), options);
    const { generation, expiresAt } = live;
    const cookies = this.sessions.cookiesOf(key, live);
    const { origin } = use.endpoint;
    return {
      forRequest: ({ path }) => {
        const own = cookies.for(origin + path, this.clock.now());
        return { cookies: Object.fromEntries(own), headers: csrfHeaders(own, settings) };
      },
      onSetCookie: (fields, path) => {
        cookies.take(fields, new URL(origin + path), this.clock.now());
        this.issued.keep(key, { generation, values: cookies.values() });
      },
      generation,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
  }

  private async logIn({ endpoint }: CredentialUse, settings: Settings): Promise<TokenSet> {
    const now = () => this.clock.now();
    const cookies = await logIn({ http: this.http, url: loginUrl(endpoint, settings), endpoint, settings, now });
    const seconds = cookies.secondsLeft(endpoint, now());
    return {
      // What is sent is taken from the cookies; a token set has one value that stands for the whole.
      accessToken: cookies.values()[0]!,
      more: cookies.toJson(),
      ...(Number.isFinite(seconds) ? { expiresInSeconds: seconds } : {}),
    };
  }

  private partsOf(
    use: CredentialUse,
    { csrf_cookie: _, csrf_header: __, login_page_url: ___, ...settings }: Settings,
  ): TokenKeyParts {
    const { origin, pathname } = loginUrl(use.endpoint, settings);
    return { strategy: this.name, settings, issuer: origin + pathname };
  }
}

/** A path is one on the origin of the endpoint: the schema takes nothing that would lead elsewhere. */
function loginUrl(endpoint: URL, { login_url }: Pick<Settings, 'login_url'>): URL {
  return new URL(login_url, endpoint.origin);
}
