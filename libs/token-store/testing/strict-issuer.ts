import { setTimeout as pause } from 'node:timers/promises';
import { GrantRefusedError } from '../src/token-store.errors.js';
import type { TokenSet } from '../src/token-key.js';

interface Family {
  /** The refresh token that is good now. */
  current: string;
  isRevoked: boolean;
}

/**
 * An issuer in memory that rotates refresh tokens and takes the second use of one for a theft: it revokes the whole
 * grant then (RFC 9700, 4.14.2).
 */
export class StrictIssuer {
  /** What it was asked with, one for each request. */
  readonly requests: (string | undefined)[] = [];
  revocations = 0;
  delayMs = 0;
  expiresInSeconds: number | undefined;
  /** In place of an answer. */
  failWith: (() => Error) | undefined;
  private readonly familyOf = new Map<string, Family>();
  private count = 0;

  constructor({ expiresInSeconds }: { readonly expiresInSeconds?: number } = {}) {
    this.expiresInSeconds = expiresInSeconds;
  }

  /** As after a consent. */
  grant(): TokenSet {
    return this.issue({ current: '', isRevoked: false });
  }

  /** Without a refresh token it is asked with the client's own credentials. */
  async renew(previous: TokenSet | undefined): Promise<TokenSet> {
    const used = previous?.refreshToken;
    this.requests.push(used);
    if (this.delayMs > 0) await pause(this.delayMs);
    if (this.failWith) throw this.failWith();
    if (used === undefined) {
      const { refreshToken: _, ...tokens } = this.grant();
      return tokens;
    }
    const family = this.familyOf.get(used);
    if (!family || family.isRevoked) throw new GrantRefusedError('invalid_grant');
    if (family.current !== used) {
      family.isRevoked = true;
      this.revocations += 1;
      throw new GrantRefusedError('invalid_grant');
    }
    return this.issue(family);
  }

  private issue(family: Family): TokenSet {
    const n = ++this.count;
    family.current = `refresh-token-${n}`;
    this.familyOf.set(family.current, family);
    return {
      accessToken: `access-token-${n}`,
      refreshToken: family.current,
      ...(this.expiresInSeconds === undefined ? {} : { expiresInSeconds: this.expiresInSeconds }),
    };
  }
}
