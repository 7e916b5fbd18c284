import { createHash, randomUUID } from 'node:crypto';
import { type OriginServer, originServer } from '#egress/testing';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';

/** How the provider behaves, for a test to change. */
export interface ProviderManners {
  subject: string;
  claims: Record<string, unknown>;
  /** What stands in the ID token instead of what should. */
  token: Record<string, unknown>;
  /** False: no ID token at all. */
  givesIdToken: boolean;
  /** The `iss` of its answers (RFC 9207). */
  iss: string | undefined;
  /** Refuses to sign anybody in, with this OAuth error. */
  error: string | undefined;
}

interface Grant {
  readonly nonce: string;
  readonly challenge: string;
  readonly redirectUri: string;
}

export const PROVIDER_CLIENT = { id: 'composer', secret: 'the-secret-of-the-composer' } as const;

/** An OpenID provider that signs everybody in at once, and can be told to misbehave. */
export class SmallIdentityProvider {
  readonly manners: ProviderManners = {
    subject: 'ada',
    claims: { email: 'ada@example.com', groups: ['staff'] },
    token: {},
    givesIdToken: true,
    iss: undefined,
    error: undefined,
  };
  /** Bodies of the requests to its token endpoint. */
  readonly exchanges: URLSearchParams[] = [];

  private constructor(private readonly server: OriginServer) {}

  static async open(): Promise<SmallIdentityProvider> {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'idp', alg: 'ES256', use: 'sig' }] };
    const grants = new Map<string, Grant>();
    const opened: { provider?: SmallIdentityProvider } = {};
    const server = await originServer((request, response) => {
      const { manners, exchanges, url } = opened.provider!;
      const json = (body: object, status = 200): void =>
        void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      const asked = new URL(request.url ?? '', url);
      if (asked.pathname === '/.well-known/openid-configuration') return json(metadata(url, manners));
      if (asked.pathname === '/jwks') return json(jwks);
      if (asked.pathname === '/userinfo') return json({ sub: manners.subject, ...manners.claims });
      if (asked.pathname === '/authorize') {
        const query = Object.fromEntries(asked.searchParams);
        const back = new URL(query['redirect_uri']!);
        back.searchParams.set('state', query['state']!);
        if (manners.iss !== undefined) back.searchParams.set('iss', manners.iss);
        if (manners.error === undefined) {
          const code = randomUUID();
          grants.set(code, {
            nonce: query['nonce'] ?? '',
            challenge: query['code_challenge'] ?? '',
            redirectUri: back.origin + back.pathname,
          });
          back.searchParams.set('code', code);
        } else back.searchParams.set('error', manners.error);
        return void response.writeHead(302, { location: back.href }).end();
      }
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        void (async () => {
          const form = new URLSearchParams(Buffer.concat(chunks).toString());
          exchanges.push(form);
          const grant = grants.get(form.get('code') ?? '');
          grants.delete(form.get('code') ?? '');
          const proof = createHash('sha256')
            .update(form.get('code_verifier') ?? '')
            .digest('base64url');
          const isGood =
            grant?.challenge === proof &&
            grant.redirectUri === form.get('redirect_uri') &&
            form.get('client_secret') === PROVIDER_CLIENT.secret;
          if (!isGood) return json({ error: 'invalid_grant' }, 400);
          const claims = { ...manners.claims, nonce: grant.nonce, sub: manners.subject, iss: url };
          const token = new SignJWT({ aud: PROVIDER_CLIENT.id, ...claims, ...manners.token })
            .setProtectedHeader({ alg: 'ES256', kid: 'idp' })
            .setIssuedAt()
            .setExpirationTime('5m');
          json({
            access_token: randomUUID(),
            token_type: 'Bearer',
            ...(manners.givesIdToken ? { id_token: await token.sign(privateKey) } : {}),
          });
        })();
      });
    });
    return (opened.provider = new SmallIdentityProvider(server));
  }

  get url(): string {
    return this.server.url;
  }

  async close(): Promise<void> {
    await this.server.close();
  }
}

const metadata = (url: string, { iss }: ProviderManners) => ({
  issuer: url,
  authorization_endpoint: `${url}/authorize`,
  token_endpoint: `${url}/token`,
  jwks_uri: `${url}/jwks`,
  userinfo_endpoint: `${url}/userinfo`,
  token_endpoint_auth_methods_supported: ['client_secret_post'],
  authorization_response_iss_parameter_supported: iss !== undefined,
});
