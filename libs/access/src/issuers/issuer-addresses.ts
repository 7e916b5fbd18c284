import type { IssuerSettings } from './issuer.store.js';

/** Where an issuer is, as far as that was told. */
export type Addresses = Pick<IssuerSettings, 'issuer'> & {
  readonly jwks_url?: string | undefined;
  readonly introspection_url?: string | undefined;
  readonly sign_in?:
    { readonly authorization_url?: string | undefined; readonly token_url?: string | undefined } | undefined;
};

/** The addresses by their paths in the settings. */
export function addressesOf({
  issuer,
  jwks_url,
  introspection_url,
  sign_in,
}: Addresses): readonly (readonly [string, string | undefined])[] {
  return [
    ['issuer', issuer],
    ['jwks_url', jwks_url],
    ['introspection_url', introspection_url],
    ['sign_in.authorization_url', sign_in?.authorization_url],
    ['sign_in.token_url', sign_in?.token_url],
  ];
}
