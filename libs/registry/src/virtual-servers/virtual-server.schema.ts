import { z } from 'zod';
import { SERVER_ID } from '../server-config.schema.js';

/** What a slug may look like; nothing else is ever looked up. */
export const SLUG = SERVER_ID;
const MAX_PATTERNS = 200;

/** `*` stands for any text, `?` for one character. */
const pattern = z
  .string()
  .min(1, 'is empty')
  .max(256, 'is too long: 256 characters at most')
  .refine((text) => !/\p{Cc}|\p{Surrogate}/u.test(text), 'holds a control character or half of a surrogate pair');
const patterns = z.array(pattern).min(1, 'is empty').max(MAX_PATTERNS, `has more than ${MAX_PATTERNS} entries`);
const role = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/, 'must be 1 to 64 letters, digits, "_", ".", ":" or "-"');

/** A named selection of a tenant's tools, offered at an address of its own. */
export const virtualServerSchema = z.strictObject({
  slug: z
    .string()
    .regex(SLUG, 'must be 1 to 64 letters, digits, "_" or "-", starting with a letter or digit')
    .describe('Unique within the tenant, its servers included; the last part of the address'),
  label: z
    .string()
    .max(256)
    .refine((text) => !/\p{Cc}|\p{Surrogate}/u.test(text), 'holds a control character or half of a surrogate pair')
    .default(''),
  servers: patterns.describe('Ids of the servers whose tools it offers; "*" and "?" are wildcards'),
  tools: patterns.optional().describe('Full names of the tools, with wildcards; absent: all tools of these servers'),
  roles: z
    .array(role)
    .max(100, 'has more than 100 entries')
    .optional()
    .describe('Roles that may use it, besides administrators; absent: every built-in role'),
  naming: z.enum(['prefix'], 'must be "prefix"').default('prefix').describe('Tools keep their full names'),
});

export type VirtualServer = Readonly<z.infer<typeof virtualServerSchema>>;
