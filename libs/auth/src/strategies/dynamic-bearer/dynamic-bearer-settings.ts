import { z } from 'zod';
import { absoluteUrl } from '../../address-setting.js';
import { requiredHeaderText } from '../../wire-text.js';
import { TOKEN_FORMS } from './token-forms.js';

const MEDIA_TYPES = ['json', 'form', 'application/json', 'application/x-www-form-urlencoded'] as const;
const text = z.string().min(1, 'is empty').max(16_384, 'is too long: 16384 characters at most');
const oneOf = <const T extends readonly string[]>(names: T) => z.string().toLowerCase().pipe(z.enum(names));

const shape = z.strictObject({
  token_url: absoluteUrl.describe('the token service'),
  apikey: text.optional().describe('the key that is exchanged for tokens'),
  id: text
    .refine((id) => !id.includes(':'), 'holds a colon, which RFC 7617 forbids')
    .optional()
    .describe('the user of HTTP Basic at the token service'),
  secret: text.optional().describe('the password that goes with `id`'),
  client_id: text.optional().describe('an OAuth client'),
  client_secret: text.optional().describe('goes with `client_id`'),
  refresh_token: text.optional().describe('to begin with; what the service gives in its place is kept'),
  scope: text.optional().describe('asked for by the forms of OAuth'),
  media_type: oneOf(MEDIA_TYPES).optional().describe('`json` posts the key as JSON'),
  token_gen_auth_method: oneOf(['jwt', 'basic']).optional().describe('`jwt` posts the key as JSON, `basic` uses `id`'),
  token_gen_method: oneOf(['get', 'post'])
    .optional()
    .describe('of the request with HTTP Basic alone: GET unless given'),
  server: text.max(64).optional().describe('`turbo` has HTTP Basic come with a form'),
  auth_prefix: requiredHeaderText.default('Bearer').describe('the scheme before the token'),
});
type Key = keyof DynamicBearerSettings;

export type DynamicBearerSettings = z.infer<typeof shape>;

/** What has to be there beside something else, and why. */
const TOGETHER: readonly (readonly [given: Key, needed: Key])[] = [
  ['client_id', 'client_secret'],
  ['client_secret', 'client_id'],
  ['refresh_token', 'client_id'],
  ['refresh_token', 'client_secret'],
  ['id', 'secret'],
  ['secret', 'id'],
];
const METHOD_NEEDS: Readonly<Record<'jwt' | 'basic', readonly Key[]>> = { jwt: ['apikey'], basic: ['id', 'secret'] };

export const dynamicBearerSettings = shape.superRefine((settings, context) => {
  const missing = new Map<Key, string>();
  for (const [given, needed] of TOGETHER) {
    if (settings[given] !== undefined && settings[needed] === undefined) missing.set(needed, `goes with ${given}`);
  }
  const { token_gen_auth_method: method, client_id } = settings;
  for (const needed of method && client_id === undefined ? METHOD_NEEDS[method] : []) {
    if (settings[needed] === undefined) missing.set(needed, `token_gen_auth_method "${method}" sends it`);
  }
  if (missing.size === 0 && !TOKEN_FORMS.some(({ fits }) => fits(settings))) {
    missing.set('apikey', 'give this, or id and secret, or client_id and client_secret');
  }
  for (const [key, why] of missing) {
    context.addIssue({ code: 'custom', path: [key], message: `is missing: ${why}` });
  }
});
