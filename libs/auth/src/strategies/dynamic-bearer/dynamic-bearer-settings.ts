import { z } from 'zod';
import { absoluteUrl } from '../../address-setting.js';
import { requiredHeaderText } from '../../wire-text.js';
import { TOKEN_FORMS } from './token-forms.js';

const MEDIA_TYPES = ['json', 'form', 'application/json', 'application/x-www-form-urlencoded'] as const;
const text = z.string().min(1, 'is empty').max(16_384, 'is too long: 16384 characters at most');
const oneOf = <const T extends readonly string[]>(names: T) => z.string().toLowerCase().pipe(z.enum(names));

const shape = z.strictObject({
  token_url: absoluteUrl,
  apikey: text.optional(),
  id: text.refine((id) => !id.includes(':'), 'holds a colon, which RFC 7617 forbids').optional(),
  secret: text.optional(),
  client_id: text.optional(),
  client_secret: text.optional(),
  refresh_token: text.optional(),
  scope: text.optional(),
  media_type: oneOf(MEDIA_TYPES).optional(),
  token_gen_auth_method: oneOf(['jwt', 'basic']).optional(),
  token_gen_method: oneOf(['get', 'post']).optional(),
  server: text.max(64).optional(),
  auth_prefix: requiredHeaderText.default('Bearer'),
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
