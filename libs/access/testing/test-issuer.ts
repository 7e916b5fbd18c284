import { type OriginServer, originServer } from '#egress/testing';
import { type JWK, type JWTHeaderParameters, SignJWT, exportJWK, generateKeyPair } from 'jose';

export interface MintOptions {
  readonly claims?: Record<string, unknown>;
  readonly header?: Partial<JWTHeaderParameters>;
  /** One of the names given to `addKey`; the first key unless given. */
  readonly key?: string;
  /** Extensions that whoever signs says to understand. */
  readonly understands?: readonly string[];
}

interface SigningKey {
  readonly alg: string;
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  readonly publicJwk: JWK;
}

/** A small issuer on loopback whose every answer a test can bend. The real ones are tried end to end. */
export class TestIssuer {
  readonly keys = new Map<string, SigningKey>();
  /** Paths that were asked for, oldest first. */
  readonly asked: string[] = [];
  /** Parts of the metadata that differ from what is right; `undefined` as a value removes. */
  metadata: Record<string, unknown> = {};
  /** Answers of the introspection endpoint by token. */
  readonly introspected = new Map<string, unknown>();
  /** Headers of introspection requests. */
  readonly credentials: (string | undefined)[] = [];
  isDown = false;

  private constructor(
    private readonly server: OriginServer,
    readonly path: string,
  ) {}

  static async start(path = ''): Promise<TestIssuer> {
    const late: { issuer?: TestIssuer } = {};
    const server = await originServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const { authorization } = request.headers;
        const answer = late.issuer!.answer(request.url!, { body, authorization });
        if (answer === undefined) return void response.writeHead(late.issuer!.isDown ? 503 : 404).end();
        response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
      });
    });
    const issuer = new TestIssuer(server, path);
    late.issuer = issuer;
    await issuer.addKey('first');
    return issuer;
  }

  get issuer(): string {
    return this.server.url + this.path;
  }

  get origin(): string {
    return this.server.url;
  }

  async addKey(name: string, alg = 'ES256'): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    this.keys.set(name, {
      alg,
      privateKey,
      publicJwk: { ...(await exportJWK(publicKey)), alg, kid: name, use: 'sig' },
    });
  }

  /** A token that is right in every respect but what `options` say. A claim that is `undefined` is left out. */
  async mint({ claims = {}, header = {}, key = 'first', understands = [] }: MintOptions = {}): Promise<string> {
    const { alg, privateKey } = this.keys.get(key)!;
    const now = Math.floor(Date.now() / 1000);
    const payload = { iss: this.issuer, sub: 'ada', client_id: 'app', iat: now, exp: now + 300, ...claims };
    return new SignJWT(JSON.parse(JSON.stringify(payload)) as Record<string, unknown>)
      .setProtectedHeader({ alg, kid: key, typ: 'at+jwt', ...header })
      .sign(privateKey, { crit: Object.fromEntries(understands.map((name) => [name, true])) });
  }

  close(): Promise<void> {
    return this.server.close();
  }

  private answer(path: string, { body, authorization }: { body: string; authorization?: string | undefined }): unknown {
    this.asked.push(path);
    if (this.isDown) return undefined;
    if (path === '/jwks') return { keys: [...this.keys.values()].map(({ publicJwk }) => publicJwk) };
    if (path === '/introspect') {
      this.credentials.push(authorization);
      return this.introspected.get(new URLSearchParams(body).get('token') ?? '') ?? { active: false };
    }
    if (path !== `/.well-known/openid-configuration${this.path}`) return undefined;
    const right = { jwks_uri: `${this.origin}/jwks`, introspection_endpoint: `${this.origin}/introspect` };
    return { issuer: this.issuer, ...right, ...this.metadata };
  }
}
