import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { AuthStrategy, RequestPatch } from '../auth-strategy.js';
import type { CredentialUse } from '../credential-use.js';
import { headerName, requiredHeaderText } from '../wire-text.js';

const COOKIE_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/; // RFC 6265 4.1.1: a token
const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/; // RFC 6265 4.1.1: cookie-octet

const settings = z
  .strictObject({
    apikey: requiredHeaderText.describe('the key'),
    auth_prefix: requiredHeaderText
      .optional()
      .describe('goes before the key; without `name`, one that looks like a header name is the header'),
    in: z.enum(['header', 'query', 'cookie']).default('header').describe('where the key stands'),
    name: z.string().min(1, 'is empty').max(256).optional().describe('of the header, query parameter or cookie'),
  })
  .superRefine((value, context) => {
    const fault = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (value.in !== 'header' && !value.name) fault('name', `is missing: a key in the ${value.in} needs a name`);
    if (value.in !== 'header' && value.auth_prefix) fault('auth_prefix', 'goes with a key in the header only');
    if (value.in === 'header') {
      const checked = headerName.safeParse(value.name ?? headerOf(value.auth_prefix) ?? 'x-api-key');
      if (!checked.success) fault(value.name ? 'name' : 'auth_prefix', checked.error.issues[0]!.message);
    }
    if (value.in === 'cookie') {
      if (value.name && !COOKIE_NAME.test(value.name)) fault('name', 'is not a cookie name');
      if (!COOKIE_VALUE.test(value.apikey)) fault('apikey', 'holds characters that a cookie cannot carry');
    }
  });
type Settings = z.infer<typeof settings>;

/**
 * A fixed key, in the header, query or cookie that the service wants. Without `name` the prefix decides: one that looks
 * like a header name (`X-API-Key`) is the header, any other goes before the key in `Authorization`.
 */
@Injectable()
export class ApiKeyStrategy implements AuthStrategy<Settings> {
  readonly name = 'apikey';
  readonly aliases = ['api_key'];
  readonly settings = settings;
  readonly secrets = ['apikey'];

  async authorize(_use: CredentialUse, { apikey, auth_prefix, in: place, name }: Settings): Promise<RequestPatch> {
    if (place === 'query') return { query: { [name!]: apikey } };
    if (place === 'cookie') return { cookies: { [name!]: apikey } };
    if (name) return { headers: { [name.toLowerCase()]: auth_prefix ? `${auth_prefix} ${apikey}` : apikey } };
    const header = headerOf(auth_prefix);
    if (auth_prefix && !header) return { headers: { authorization: `${auth_prefix} ${apikey}` } };
    return { headers: { [header ?? 'x-api-key']: apikey } };
  }
}

function headerOf(prefix: string | undefined): string | undefined {
  return prefix && /^x-|-key/i.test(prefix) ? prefix.toLowerCase() : undefined;
}
