import { faultsOf } from '#kernel';
import { SCOPES } from '#tenancy';
import { z } from 'zod';
import { InvalidInputError } from './access.errors.js';

const TEXT = /^[^\p{C}]*$/u;
export const nameSchema = z.string().min(1).max(200).regex(TEXT, 'must hold no control characters');
const MAX_PATTERNS = 1_000;
const MAX_ROLES = 50;

const ROLE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const SLUG = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const ID = /^[\x21-\x7e]{1,200}$/;

export const roleNameSchema = z
  .string()
  .regex(ROLE_NAME, 'must be 1 to 64 letters, digits, "_", "." and "-", and begin with a letter or a digit');

const roleNames = z.array(roleNameSchema).max(MAX_ROLES);

export const slugSchema = z
  .string()
  .regex(SLUG, 'must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end');

/** Whether a tenant can be called so at all. */
export const isTenantSlug = (text: string): boolean => SLUG.test(text);

const limits = z.strictObject({
  requests_per_second: z.number().positive().max(1_000_000).optional(),
  burst: z.int().positive().max(1_000_000).optional(),
  concurrent_calls: z.int().positive().max(100_000).optional(),
});

export const newTenantSchema = z.strictObject({ slug: slugSchema, name: nameSchema.optional() });

export const tenantPatchSchema = z.strictObject({
  name: nameSchema.optional(),
  limits: limits.optional().describe('Replaces all limits; what is absent is the operator’s default'),
  audit_mode: z.enum(['batched', 'strict']).optional(),
  suspended: z.boolean().optional(),
});
export type TenantPatch = z.infer<typeof tenantPatchSchema>;

export const newServiceAccountSchema = z.strictObject({ name: nameSchema, roles: roleNames.default([]) });

export const principalPatchSchema = z.strictObject({
  name: nameSchema.optional(),
  roles: roleNames.optional(),
  disabled: z.boolean().optional(),
});
export type PrincipalPatch = z.infer<typeof principalPatchSchema>;

const keyParts = {
  name: nameSchema.optional(),
  scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length).optional(),
  expires: z.string().max(20).optional().describe('How long it lives: 30m, 12h, 90d; absent: until it is revoked'),
};
export const newKeySchema = z.union(
  [
    z.strictObject({ role: roleNameSchema.describe('For a service account of this role and name'), ...keyParts }),
    z.strictObject({ principal: z.string().max(200).describe('Id of a service account'), ...keyParts }),
  ],
  { error: 'needs either role or principal; besides, name, scopes and expires are known' },
);
export type NewKey = z.infer<typeof newKeySchema>;

const patterns = z.array(nameSchema).max(MAX_PATTERNS).default([]);

export const roleSchema = z.strictObject({
  description: z.string().max(1000).regex(TEXT, 'must hold no control characters').default(''),
  permissions: z.strictObject({ tools: patterns, servers: patterns, virtual_servers: patterns }),
});
export type RoleInput = z.infer<typeof roleSchema>;

/** The policy file of the original: which tools each role opens. */
export const policySchema = z.record(z.string(), z.array(nameSchema).max(MAX_PATTERNS));

export const pageSchema = z.strictObject({
  after: z.string().max(200).regex(ID).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

/** @throws InvalidInputError with every fault */
export function checked<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const { success, data, error } = schema.safeParse(input);
  if (!success) throw new InvalidInputError(faultsOf(error.issues));
  return data;
}

/** Whether a text from an address can be an id at all: others are unknown ones, and never reach the database. */
export const isId = (text: string): boolean => ID.test(text);
