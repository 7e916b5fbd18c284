import { isObject } from '#kernel';
import { SCOPES } from '#tenancy';
import { z } from 'zod';
import { redirectUriFault } from './redirect-uri.js';

const MAX_TEXT = 200;
const GRANT_TYPES = ['authorization_code', 'refresh_token'] as const;
const SECRET_METHODS = ['none', 'client_secret_basic', 'client_secret_post'] as const;

const redirectUri = z.string().check((context) => {
  const fault = redirectUriFault(context.value);
  if (fault !== undefined) context.issues.push({ code: 'custom', input: context.value, message: fault });
});
/** Without control characters, which could make a page or a log line say something else. */
const label = z.string().transform((text) =>
  text
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT),
);

/** What a client may say about itself (RFC 7591, 2). Everything else is left out: above all URLs that we would fetch. */
const registration = z.object({
  redirect_uris: z.array(redirectUri).min(1).max(10),
  client_name: label.optional(),
  application_type: z.enum(['web', 'native']).optional().catch(undefined),
  token_endpoint_auth_method: z.enum(SECRET_METHODS).default('client_secret_basic'),
  grant_types: z.array(z.string()).max(20).default(['authorization_code']),
  scope: z.string().max(1_000).optional(),
  software_id: label.optional(),
  software_version: label.optional(),
});

export type RegistrationFault = {
  readonly error: 'invalid_redirect_uri' | 'invalid_client_metadata';
  readonly text: string;
};

/** The metadata to register the client with, or what is wrong with the request. */
export function sanitizeRegistration(
  body: unknown,
): { readonly metadata: object } | { readonly fault: RegistrationFault } {
  const parsed = registration.safeParse(isObject(body) ? body : {});
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const isRedirect = issue.path[0] === 'redirect_uris';
    const text = `${issue.path.join('.')}: ${issue.message}`;
    return { fault: { error: isRedirect ? 'invalid_redirect_uri' : 'invalid_client_metadata', text } };
  }
  const { grant_types, scope, ...rest } = parsed.data;
  const scopes = (scope ?? '').split(' ').filter((one) => SCOPES.some((known) => known === one));
  return {
    metadata: {
      ...rest,
      response_types: ['code'],
      grant_types: GRANT_TYPES.filter((type) => type === 'authorization_code' || grant_types.includes(type)),
      ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
    },
  };
}
