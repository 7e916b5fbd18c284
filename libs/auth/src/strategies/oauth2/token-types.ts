const PREFIX = 'urn:ietf:params:oauth:token-type:';

/** RFC 8693, 3: the short names that may be written in place of the URIs. */
export const TOKEN_TYPES: Readonly<Record<string, string>> = {
  access_token: `${PREFIX}access_token`,
  refresh_token: `${PREFIX}refresh_token`,
  id_token: `${PREFIX}id_token`,
  jwt: `${PREFIX}jwt`,
  saml1: `${PREFIX}saml1`,
  saml2: `${PREFIX}saml2`,
  // Identity Assertion JWT Authorization Grant.
  'id-jag': `${PREFIX}id-jag`,
};

export function tokenTypeUri(type: string): string {
  return TOKEN_TYPES[type] ?? type;
}
