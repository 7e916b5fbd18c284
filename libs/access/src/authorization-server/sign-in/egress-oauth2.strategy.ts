import type { EgressHttp } from '#egress';
import OAuth2Strategy from 'passport-oauth2';

/** The composer's own client at an identity provider. */
export interface ProviderClient {
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  /** How the token endpoint wants the secret: in the form, or as HTTP Basic (RFC 6749, 2.3.1). */
  readonly tokenAuth: 'post' | 'basic';
  readonly scope: string;
  readonly callbackUrl: string;
}

/** What the token endpoint gave. */
export interface ProviderTokens {
  readonly accessToken: string;
  readonly idToken?: string;
}

/** One sign-in: what must come back, and where what must be kept is put. */
export interface CodeFlow {
  readonly nonce: string;
  /** Keeps the PKCE verifier, and gives the `state` under which it will be found. */
  keep(verifier: string): Promise<string>;
  /** The verifier that was kept; absent at the beginning. */
  readonly verifier?: string;
}

interface Outcome {
  redirect(url: string): void;
  success(tokens: ProviderTokens): void;
  fail(challenge: unknown): void;
  error(error: unknown): void;
}

type Reply = (error: unknown, data?: string, response?: unknown) => void;

const MAX_BYTES = 256 * 1024;

/**
 * passport-oauth2 for one sign-in, without a session: what it would keep there is kept by the flow, and what it would
 * ask over sockets of its own goes through the guard.
 */
export class EgressOauth2Strategy extends OAuth2Strategy {
  constructor(
    private readonly client: ProviderClient,
    private readonly flow: CodeFlow,
    private readonly http: Pick<EgressHttp, 'request'>,
  ) {
    super(
      {
        authorizationURL: client.authorizationUrl,
        tokenURL: client.tokenUrl,
        clientID: client.clientId,
        clientSecret: client.clientSecret ?? '',
        callbackURL: client.callbackUrl,
        scope: client.scope,
        pkce: true,
        skipUserProfile: true,
        store: storeOf(flow) as never, // with PKCE, two more parameters than the types tell
      },
      (accessToken, _refreshToken, { id_token }: { id_token?: unknown }, _profile, done) =>
        done(null, { accessToken, ...(typeof id_token === 'string' ? { idToken: id_token } : {}) }),
    );
    Object.assign(this._oauth2, { _request: this.request.bind(this) });
  }

  override authorizationParams(): object {
    return { nonce: this.flow.nonce };
  }

  /** Where to send the browser. */
  async begin(): Promise<string> {
    return this.run<string>({}, (outcome, resolve) => Object.assign(outcome, { redirect: resolve }));
  }

  async exchange(code: string, state: string): Promise<ProviderTokens> {
    return this.run<ProviderTokens>({ code, state }, (outcome, resolve) =>
      Object.assign(outcome, { success: resolve }),
    );
  }

  /** passport lends a strategy its verbs for one request; so does this. */
  private async run<T>(query: object, expect: (outcome: Outcome, resolve: (value: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const fail = (cause: unknown): void =>
        reject(new Error('the identity provider did not sign anybody in', { cause }));
      const outcome: Outcome = { redirect: fail, success: fail, fail, error: fail };
      expect(outcome, resolve);
      const lent = Object.assign(Object.create(this) as this, outcome);
      lent.authenticate({ query } as never, {});
    });
  }

  /** In place of the request of the `oauth` package, which opens sockets. */
  private request(method: string, url: string, ...[headers, body, , reply]: [object, string, unknown, Reply]): void {
    const form = new URLSearchParams(body);
    const { clientId, clientSecret, tokenAuth } = this.client;
    const isBasic = tokenAuth === 'basic' && clientSecret !== undefined;
    if (isBasic || clientSecret === undefined) form.delete('client_secret');
    const basic = isBasic ? { authorization: basicOf(clientId, clientSecret) } : {};
    this.http
      .request({
        method,
        url,
        headers: { accept: 'application/json', ...lowerCase(headers), ...basic },
        body: form.toString(),
        maxBytes: MAX_BYTES,
      })
      .then(({ status, body: answer }) => {
        const data = answer.toString('utf8');
        if (status < 200 || status > 299) reply({ statusCode: status, data });
        else reply(null, data, {});
      })
      .catch(reply);
  }
}

type Stored = (error: unknown, state?: string) => void;
type Loaded = (error: unknown, verifier: string | false, state?: string) => void;

/** passport-oauth2 tells by the number of parameters which of its kinds of stores it has. */
function storeOf(flow: CodeFlow) {
  return {
    store(_request: unknown, verifier: string, _state: unknown, _meta: unknown, done: Stored): void {
      flow.keep(verifier).then((state) => done(null, state), done);
    },
    verify(_request: unknown, state: string, _meta: unknown, done: Loaded): void {
      done(null, flow.verifier ?? false, state);
    },
  };
}

// RFC 6749, 2.3.1: both halves are form-encoded before they are joined.
const basicOf = (id: string, secret: string): string =>
  `Basic ${Buffer.from([id, secret].map(formEncoded).join(':')).toString('base64')}`;

const formEncoded = (text: string): string => new URLSearchParams({ text }).toString().slice('text='.length);

const lowerCase = (headers: object): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
