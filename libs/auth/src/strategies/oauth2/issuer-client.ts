import { type ClientAuth, ClientSecretPost, None, PrivateKeyJwt, modifyAssertion } from 'openid-client';
import { type PrivateKeySettings, signingKeyOf } from './private-key.js';

export type ClientAuthentication = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';

/** The composer as one issuer knows it. Holds secrets; can be written as JSON. */
export interface IssuerClient {
  /** Absent where an assertion stands for everything (RFC 7521, 4.1). */
  readonly id?: string;
  readonly authentication: ClientAuthentication;
  readonly secret?: string;
  readonly key?: PrivateKeySettings;
  /** `aud` of a client assertion, where the issuer wants another one than its own name. */
  readonly audience?: string;
}

/** Puts the client on a request to a token or revocation endpoint (RFC 6749, 2.3.1; RFC 7523, 2.2). */
export async function clientAuthOf(client: IssuerClient): Promise<ClientAuth> {
  const { id, authentication, secret, key, audience } = client;
  if (id === undefined) return () => undefined;
  switch (authentication) {
    case 'client_secret_basic':
      return basicAuth(id, secret!);
    case 'client_secret_post':
      return ClientSecretPost(secret);
    case 'none':
      return None();
    case 'private_key_jwt': {
      const { key: signing, alg, kid } = await signingKeyOf(key!);
      return PrivateKeyJwt(kid === undefined ? signing : { key: signing, kid }, {
        [modifyAssertion](header, payload) {
          // Issuers know Ed25519 by the older of its two names.
          header['alg'] = alg;
          if (audience !== undefined) payload['aud'] = audience;
        },
      });
    }
  }
}

/**
 * RFC 6749, 2.3.1: both halves as in a form. The library also encodes `-`, `.` and `_`, which is allowed, and which the
 * many issuers that do not decode take for another client.
 */
function basicAuth(id: string, secret: string): ClientAuth {
  const inForm = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
  const pair = Buffer.from(`${inForm(id)}:${inForm(secret)}`).toString('base64');
  return (...[, , , headers]) => headers.set('authorization', `Basic ${pair}`);
}
