import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export const USERNAME = 'composer';
export const PASSWORD = 'cloudant-password-of-the-tests';
export const APIKEY = 'cloudant-api-key-of-the-tests';

/** A request that left in time may come late. */
const LEEWAY_MS = 1_000;

/** Knows who may come in: by name and password, by a session, or by a token of the IAM beside it. */
export class CloudantGatekeeper {
  /** How long sessions and tokens last, in seconds. */
  lifetime = 3_600;
  /** How often somebody logged in or fetched a token. */
  logins = 0;
  /** What the last one was given. */
  newest = '';
  private readonly key = randomBytes(32);
  private generation = 0;

  /** Ends every session and token there is. */
  forget(): void {
    this.generation += 1;
  }

  admits({ authorization = '', cookie = '' }: IncomingHttpHeaders): boolean {
    const [scheme, credential = ''] = authorization.split(' ');
    if (scheme === 'Basic') return Buffer.from(credential, 'base64').toString() === `${USERNAME}:${PASSWORD}`;
    if (scheme === 'Bearer') return this.isLive(credential);
    return this.isLive(/(?:^|;\s*)AuthSession=([^;]+)/.exec(cookie)?.[1] ?? '');
  }

  /** The cookie of a new session. */
  session(name: unknown, password: unknown): string | undefined {
    if (name !== USERNAME || password !== PASSWORD) return undefined;
    this.logins += 1;
    return `AuthSession=${this.token()}; Version=1; Max-Age=${this.lifetime}; Path=/; HttpOnly`;
  }

  /** What the token endpoint of IAM answers. */
  iamToken(form: URLSearchParams): object | undefined {
    if (form.get('grant_type') !== 'urn:ibm:params:oauth:grant-type:apikey') return undefined;
    if (form.get('apikey') !== APIKEY) return undefined;
    this.logins += 1;
    const expiration = Math.floor(Date.now() / 1000) + this.lifetime;
    return { access_token: this.token(), token_type: 'Bearer', expires_in: this.lifetime, expiration };
  }

  /** A real JSON Web Token: the SDK reads its times. */
  private token(): string {
    const iat = Math.floor(Date.now() / 1000);
    const text = [{ alg: 'HS256' }, { iat, exp: iat + this.lifetime, generation: this.generation }]
      .map(encode)
      .join('.');
    this.newest = `${text}.${this.sign(text)}`;
    return this.newest;
  }

  private isLive(token: string): boolean {
    const [header, claims = '', signature] = token.split('.');
    if (signature !== this.sign(`${header}.${claims}`)) return false;
    const { exp, generation } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Claims;
    return exp * 1000 + LEEWAY_MS > Date.now() && generation === this.generation;
  }

  private sign(text: string): string {
    return createHmac('sha256', this.key).update(text).digest('base64url');
  }
}

interface Claims {
  readonly exp: number;
  readonly generation: number;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
