export interface LoginRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface LoginAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string;
}

export interface SessionLogin {
  /** Settings of `jsessionid`; the address is a path. */
  readonly auth: Readonly<Record<string, string>>;
  /** The setting to spoil. */
  readonly secret: string;
  /** Every request of the login, with the parts in which it differs from the wanted one. */
  readonly asked: readonly { readonly wrong: readonly string[] }[];
  /** Answers a request of the login itself; `undefined` for everything else. */
  answer(request: LoginRequest): LoginAnswer | undefined;
  /** Whether a request carries the cookies of one live session that are for its path, and its CSRF token. */
  admits(request: Pick<LoginRequest, 'path' | 'headers'>): boolean;
  refusal(): LoginAnswer & { readonly headers: Readonly<Record<string, string>> };
  /** Ends every session. */
  end(): void;
}

export function sessionLogin(options: {
  /** Where the cookie of the route belongs. */
  readonly apiPath: string;
  /** What a request without a live session is answered: 302 to the login unless given. */
  readonly whenEnded?: 302 | 403 | 401;
}): SessionLogin;
