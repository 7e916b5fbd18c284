import { z } from 'zod';
import { SERVER_ID } from '../server-config.schema.js';
import { nameRules } from './name-rule.schema.js';

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

const shape = z.strictObject({
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
  naming: z
    .enum(['prefix', 'none', 'custom'], 'must be "prefix", "none" or "custom"')
    .default('prefix')
    .describe(
      'prefix: full names, "<server>_<name>"; none: the names of the servers themselves; custom: as names says',
    ),
  names: nameRules
    .optional()
    .describe('For custom: full names and those in their place, "*" for any text; what fits none keeps its full name'),
});

/** A named selection of a tenant's tools, offered at an address of its own. */
export const virtualServerSchema = shape.superRefine(({ naming, names }, context) => {
  if ((naming === 'custom') === (names !== undefined)) return;
  const message = names === undefined ? 'is missing: naming "custom" needs it' : 'is for naming "custom" alone';
  context.addIssue({ code: 'custom', path: ['names'], message });
});

export type VirtualServer = Readonly<z.infer<typeof virtualServerSchema>>;
