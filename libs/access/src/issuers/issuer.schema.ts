import { z } from 'zod';
import { USUAL_ALGORITHMS } from '../oauth.config.js';

/** RFC 7518, 3.1, and RFC 8037: what only the issuer can sign. Neither `none` nor anything with a shared secret. */
export const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

const MAX_URL = 2_048;
const CONTROL = /[\p{Cc}\p{Cs}]/u;

const text = (most: number) =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(most, `may have ${most} characters at most`)
    .refine((value) => !CONTROL.test(value), 'must have no control characters');
const url = z
  .url({ protocol: /^https?$/, error: 'must be an https URL' })
  .max(MAX_URL, `may have ${MAX_URL} characters at most`)
  .refine((value) => !value.includes('#'), 'must have no fragment')
  .refine((value) => !CONTROL.test(value), 'must have no control characters');
const role = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must be the name of a role')
  // A tenant's identity provider does not make operators of the whole service.
  .refine(
    (name) => name !== 'operator',
    'may not be operator: that role is given to single principals, by an operator',
  );

export const MARKER = z.strictObject({ set: z.literal(true) });

/** An issuer as the API takes it. */
export const issuerSchema = z
  .strictObject({
    issuer: url.refine((value) => !value.includes('?'), 'must have no query'),
    kind: z.enum(['jwt', 'introspection']).default('jwt'),
    audiences: z.array(text(512)).max(20).default([]),
    algorithms: z
      .array(z.enum(ALGORITHMS, `must be one of ${ALGORITHMS.join(', ')}`))
      .min(1)
      .max(ALGORITHMS.length)
      .default([...USUAL_ALGORITHMS]),
    jwks_url: url.optional(),
    introspection_url: url.optional(),
    client_id: text(512).optional(),
    /** `{"set": true}` keeps the one that is stored. */
    client_secret: z.union([text(4_096), MARKER], 'must be a text, or {"set": true} to keep the stored one').optional(),
    roles_claim: text(256).optional(),
    role_map: z
      .record(text(256), role)
      .refine((map) => Object.keys(map).length <= 500, 'may have 500 entries at most')
      .default({}),
    default_roles: z.array(role).max(50).default([]),
    sign_in: z
      .strictObject({
        authorization_url: url.optional(),
        token_url: url.optional(),
        scope: text(1_024).default('openid profile email'),
      })
      .optional(),
    /** False: none of its tokens is taken. Unless given it stays as it is. */
    enabled: z.boolean().optional(),
  })
  .superRefine(({ kind, client_id, client_secret, sign_in }, context) => {
    const needsClient = kind === 'introspection' || sign_in !== undefined || client_secret !== undefined;
    if (needsClient && client_id === undefined) {
      context.addIssue({ code: 'custom', path: ['client_id'], message: 'is needed for introspection and sign_in' });
    }
  });

export type IssuerInput = z.infer<typeof issuerSchema>;

export const ISSUER_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
