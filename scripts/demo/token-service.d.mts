export interface TokenFormService {
  readonly id: string;
  /** Settings of `dynamic_bearer`, the address included. */
  readonly auth: Readonly<Record<string, string>>;
  /** The setting to spoil. */
  readonly secret: string;
  /** Every request that came, with the parts in which it differs from the wanted one. */
  readonly asked: readonly { readonly wrong: readonly string[] }[];
  admits(authorization: string | undefined): boolean;
  /** Ends every token that was given, before its time. */
  end(): void;
}

export interface TokenService {
  readonly url: string;
  readonly forms: readonly TokenFormService[];
}

export function startTokenService(options?: {
  readonly own?: (stop: () => Promise<void>) => void;
  readonly lifeSeconds?: () => number;
}): Promise<TokenService>;
