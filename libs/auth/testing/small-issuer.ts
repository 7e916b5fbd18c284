import { type OriginServer, originServer } from '#egress/testing';

export interface SmallIssuerAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** An authorization server on loopback, or a member in front of one, whose every answer a test can bend. */
export class SmallIssuer {
  /** Of the authorization server; `undefined` as a value removes, and in place of all: there is none. */
  metadata: Record<string, unknown> | undefined = {};
  /** Of the member (RFC 9728); there is none unless given. */
  resourceMetadata: Record<string, unknown> | undefined;
  /** Answers by path, before anything else. */
  readonly answers = new Map<string, SmallIssuerAnswer>();
  /** `METHOD /path`, oldest first. */
  readonly asked: string[] = [];
  readonly tokenForms: URLSearchParams[] = [];
  readonly registrations: Record<string, unknown>[] = [];
  /** What is added to the answer of a registration. */
  registered: Record<string, unknown> = {};

  private constructor(private readonly server: OriginServer) {}

  static async start(): Promise<SmallIssuer> {
    const late: { issuer?: SmallIssuer } = {};
    const server = await originServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const asked = { method: request.method!, url: request.url!, body: Buffer.concat(chunks).toString() };
        const { status = 200, headers, body } = late.issuer!.answer(asked);
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
      });
    });
    return (late.issuer = new SmallIssuer(server));
  }

  get url(): string {
    return this.server.url;
  }

  /** Requests that could have carried a code, a secret or a token. */
  get told(): readonly string[] {
    return this.asked.filter((line) => /^POST \/(token|register|revoke)/.test(line));
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private answer({ method, url, body }: { method: string; url: string; body: string }): SmallIssuerAnswer {
    const path = url.split('?')[0]!;
    this.asked.push(`${method} ${path}`);
    if (path === '/token') this.tokenForms.push(new URLSearchParams(body));
    if (path === '/register') this.registrations.push(JSON.parse(body) as Record<string, unknown>);
    const bent = this.answers.get(path);
    if (bent) return bent;
    if (path.startsWith('/.well-known/oauth-authorization-server')) {
      return this.metadata ? { body: { ...this.usual(), ...this.metadata } } : { status: 404 };
    }
    if (path.startsWith('/.well-known/oauth-protected-resource')) {
      return this.resourceMetadata ? { body: this.resourceMetadata } : { status: 404 };
    }
    if (path === '/token')
      return { body: { access_token: `token-of-${this.url}`, token_type: 'Bearer', expires_in: 60 } };
    if (path === '/register') {
      const asked = this.registrations.at(-1)!;
      return { status: 201, body: { ...asked, client_id: `client-${this.registrations.length}`, ...this.registered } };
    }
    return path === '/revoke' ? { status: 200, body: '' } : { status: 404 };
  }

  private usual(): Record<string, unknown> {
    return {
      issuer: this.url,
      authorization_endpoint: `${this.url}/authorize`,
      token_endpoint: `${this.url}/token`,
      registration_endpoint: `${this.url}/register`,
      revocation_endpoint: `${this.url}/revoke`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    };
  }
}
