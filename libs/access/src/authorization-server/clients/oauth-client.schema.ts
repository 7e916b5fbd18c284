import { SCOPES } from '#tenancy';
import { z } from 'zod';
import { nameSchema } from '../../access-input.js';
import { redirectUriFault } from '../redirect-uri.js';

const redirectUri = z.string().check((context) => {
  const message = redirectUriFault(context.value);
  if (message !== undefined) context.issues.push({ code: 'custom', input: context.value, message });
});
const scopes = z
  .string()
  .transform((text) => text.split(' ').filter((one) => one !== ''))
  .pipe(z.array(z.enum(SCOPES, `must be of: ${SCOPES.join(', ')}`)).min(1))
  .transform((list) => list.join(' '));
/** RFC 7517: public keys alone. */
const publicKey = z
  .looseObject({ kty: z.enum(['EC', 'RSA', 'OKP']) })
  .refine((key) => !('d' in key) && !('k' in key), 'must be a public key');

/** A client as an administrator registers it. The words are those of RFC 7591, 2. */
export const oauthClientSchema = z
  .strictObject({
    name: nameSchema,
    /** Where people are sent back to. Absent: a program that acts for itself. */
    redirect_uris: z.array(redirectUri).max(20).default([]),
    /** The service principal that it acts as by itself, with `client_credentials`. */
    principal_id: z.string().min(1).max(255).optional(),
    token_endpoint_auth_method: z
      .enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'])
      .default('client_secret_basic'),
    jwks: z.strictObject({ keys: z.array(publicKey).min(1).max(10) }).optional(),
    scope: scopes.default('mcp'),
  })
  .superRefine(({ redirect_uris, principal_id, token_endpoint_auth_method: method, jwks }, context) => {
    const fault = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (redirect_uris.length === 0 && principal_id === undefined) {
      fault('redirect_uris', 'is needed for people to sign in; for a program that acts for itself give principal_id');
    }
    if (principal_id !== undefined && method === 'none') {
      fault('token_endpoint_auth_method', 'cannot be none for a client that acts for itself');
    }
    if ((method === 'private_key_jwt') !== (jwks !== undefined)) {
      fault('jwks', 'is needed for private_key_jwt, and for nothing else');
    }
  });

export type OauthClientInput = z.infer<typeof oauthClientSchema>;
