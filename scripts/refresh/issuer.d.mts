/** A grant at the issuer. */
export interface Grant {
  readonly name: string;
  readonly isRevoked: boolean;
  /** The refresh token that is good now. */
  readonly current: string;
  /** The process that its last rotation was for. */
  readonly rotatedFor: string | undefined;
}

export interface IssuedTokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

export interface Issuer {
  readonly url: string;
  readonly settings: { latencyMs: number; graceMs: number; expiresIn: number };
  readonly seen: { requests: number; revocations: number };
  grant(name: string): { readonly grant: Grant; readonly tokens: IssuedTokens };
  takes(authorization: string | undefined): boolean;
  onRotated(listener: (grant: Grant, used: string) => void): void;
  stop(): Promise<void>;
}

export function startIssuer(options?: {
  readonly latencyMs?: number;
  readonly graceMs?: number;
  readonly expiresIn?: number;
}): Promise<Issuer>;
