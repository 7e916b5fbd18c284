import { isObject } from '#kernel';
import { z } from 'zod';
import { requiredHeaderText } from '../../wire-text.js';
import { GRANTS, type GrantName } from './grant-types.js';
import { settingFaults } from './setting-faults.js';
import { TOKEN_TYPES } from './token-types.js';

export const SIGNING_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'],
] as const;

const text = z.string().min(1, 'is empty').max(16_384, 'is too long: 16384 characters at most');
/** RFC 6749, appendix A: visible ASCII and blanks. */
const plain = text.regex(/^[\x20-\x7e]+$/, 'holds characters that OAuth does not know: visible ASCII only');
const address = z.url({ protocol: /^https?$/, error: 'is not an http or https URL' }).max(2_048);
const tokenType = z.union([z.enum(Object.keys(TOKEN_TYPES)), address, z.string().startsWith('urn:')], {
  error: `is no token type: one of ${Object.keys(TOKEN_TYPES).join(', ')}, or a URI`,
});
/** A JWK may be given as the object that it is; it is kept as text, as every secret is. */
const privateKey = z.preprocess((key) => (isObject(key) && 'kty' in key ? JSON.stringify(key) : key), text);

export const oauth2Settings = z
  .strictObject({
    grant_type: z.enum(Object.keys(GRANTS) as [GrantName, ...GrantName[]]).optional(),
    identity: z.enum(['shared', 'per_user']).default('shared'),

    issuer_url: address.optional(),
    /** The same under the name that metadata has for it. */
    issuer: address.optional(),
    token_url: address.optional(),
    authorization_url: address.optional(),
    revocation_url: address.optional(),

    client_id: plain.optional(),
    client_secret: text.optional(),
    client_authentication: z.enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']).optional(),
    private_key: privateKey.optional(),
    private_key_id: text.optional(),
    private_key_alg: z.enum(SIGNING_ALGORITHMS).optional(),

    scope: plain.optional(),
    /** RFC 8707. */
    resource: address.optional(),
    audience: text.optional(),

    refresh_token: text.optional(),

    /** RFC 8693. */
    subject_token: text.optional(),
    subject_token_type: tokenType.optional(),
    actor_token: text.optional(),
    actor_token_type: tokenType.optional(),
    requested_token_type: tokenType.optional(),

    /** RFC 7523: ready, or what is to be signed with `private_key`. */
    assertion: text.optional(),
    assertion_issuer: text.optional(),
    assertion_subject: text.optional(),
    assertion_audience: text.optional(),
    assertion_claims: z.record(z.string(), z.json()).optional(),

    auth_prefix: requiredHeaderText.default('Bearer'),
  })
  .superRefine((settings, context) => {
    for (const [key, message] of settingFaults(settings)) {
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });

export type Oauth2Settings = z.infer<typeof oauth2Settings>;

export const OAUTH2_SECRETS = [
  ...['client_secret', 'refresh_token', 'private_key', 'subject_token', 'actor_token', 'assertion'],
];
