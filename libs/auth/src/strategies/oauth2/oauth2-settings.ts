import { isObject } from '#kernel';
import { z } from 'zod';
import { absoluteUrl } from '../../address-setting.js';
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
const tokenType = z.union([z.enum(Object.keys(TOKEN_TYPES)), absoluteUrl, z.string().startsWith('urn:')], {
  error: `is no token type: one of ${Object.keys(TOKEN_TYPES).join(', ')}, or a URI`,
});
/** A JWK may be given as the object that it is; it is kept as text, as every secret is. */
const privateKey = z.preprocess((key) => (isObject(key) && 'kty' in key ? JSON.stringify(key) : key), text);

export const oauth2Settings = z
  .strictObject({
    grant_type: z
      .enum(Object.keys(GRANTS) as [GrantName, ...GrantName[]])
      .optional()
      .describe('how tokens are had; from the other settings unless given'),
    identity: z
      .enum(['shared', 'per_user'])
      .default('shared')
      .describe('whether one consent serves everybody of the tenant, or each principal gives their own'),

    issuer_url: absoluteUrl
      .optional()
      .describe('the authorization server, exactly as it calls itself; its metadata tells the rest'),
    issuer: absoluteUrl.optional().describe('the same, under the name that metadata has for it'),
    token_url: absoluteUrl.optional().describe('where tokens are had; from the metadata unless given'),
    authorization_url: absoluteUrl.optional().describe('where people give consent; from the metadata unless given'),
    revocation_url: absoluteUrl.optional().describe('where tokens are revoked; from the metadata unless given'),

    client_id: plain.optional().describe('the composer at the authorization server'),
    client_secret: text.optional().describe('goes with `client_id`'),
    client_authentication: z
      .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'])
      .optional()
      .describe('how the client shows who it is; as the metadata wants it, in the form where there is none'),
    private_key: privateKey.optional().describe('signs for the client, or the assertion of `jwt-bearer`: PEM or a JWK'),
    private_key_id: text.optional().describe('`kid` of what is signed'),
    private_key_alg: z.enum(SIGNING_ALGORITHMS).optional().describe('from the key unless given'),

    scope: plain.optional().describe('names with blanks between them'),
    resource: absoluteUrl
      .optional()
      .describe('what the token is for (RFC 8707); what the server calls itself unless given'),
    audience: text.optional().describe('the same for issuers that know it under this name'),

    dpop: z
      .boolean()
      .optional()
      .describe(
        'tokens are bound to a key (RFC 9449); where the server and its authorization server want it unless given',
      ),

    refresh_token: text.optional().describe('to begin with; what the issuer gives in its place is kept'),

    subject_token: text.optional().describe('what is exchanged (RFC 8693)'),
    subject_token_type: tokenType
      .optional()
      .describe('`access_token` unless given, `id_token` at an identity provider; `jwt`, or a URI'),
    actor_token: text.optional().describe('of who acts for the subject'),
    actor_token_type: tokenType.optional().describe('as `subject_token_type`'),
    requested_token_type: tokenType.optional().describe('what is wanted for it; the issuer decides unless given'),

    assertion: text
      .optional()
      .describe('a signed JWT (RFC 7523); made with `private_key`, or by an identity provider, unless given'),
    assertion_issuer: text.optional().describe('`iss` of the JWT that is made; `client_id` unless given'),
    assertion_subject: text.optional().describe('`sub` of it; as `iss` unless given'),
    assertion_audience: text.optional().describe('`aud` of what is signed; the issuer, or `token_url`, unless given'),
    assertion_claims: z.record(z.string(), z.json()).optional().describe('further claims of the JWT that is made'),

    idp_issuer_url: absoluteUrl
      .optional()
      .describe('an identity provider, which exchanges `subject_token` for the assertion of `jwt-bearer`'),
    idp_token_url: absoluteUrl.optional().describe('where it does; from its metadata unless given'),
    idp_client_id: plain.optional().describe('the composer at the identity provider'),
    idp_client_secret: text.optional().describe('goes with `idp_client_id`'),

    auth_prefix: requiredHeaderText
      .default('Bearer')
      .describe('the scheme before the token; before one that is bound to a key it is `DPoP`'),
  })
  .superRefine((settings, context) => {
    for (const [key, message] of settingFaults(settings)) {
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });

export type Oauth2Settings = z.infer<typeof oauth2Settings>;

export const OAUTH2_SECRETS = [
  ...['client_secret', 'refresh_token', 'private_key', 'subject_token', 'actor_token', 'assertion'],
  'idp_client_secret',
];
