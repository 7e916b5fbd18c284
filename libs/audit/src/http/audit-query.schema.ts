import { faultsOf } from '#kernel';
import { z } from 'zod';
import { type AuditQuery, MAX_PAGE } from '../audit-reader.js';
import { InvalidAuditQueryError } from '../audit.errors.js';

const text = z
  .string()
  .min(1, 'is empty')
  .max(512, 'is too long: 512 characters at most')
  .regex(/^[^\p{C}]*$/u, 'must hold no control characters');
const seq = z
  .string()
  .regex(/^\d{1,15}$/, 'must be the number of an event')
  .transform(Number);
const time = z.iso
  .datetime({ offset: true, error: 'must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z' })
  .transform((value) => new Date(value));

const selection = {
  action: text.optional(),
  actor: text.optional(),
  target: text.optional(),
  from: time.optional(),
  to: time.optional(),
  cursor: seq.optional(),
};
const pageSchema = z.strictObject({
  ...selection,
  order: z.enum(['newest', 'oldest'], 'must be newest or oldest').default('newest'),
  limit: z.coerce.number('must be a number').int().min(1).max(MAX_PAGE).default(100),
});
const exportSchema = z.strictObject({
  ...selection,
  order: z.enum(['newest', 'oldest'], 'must be newest or oldest').default('oldest'),
});
const verificationSchema = z.strictObject({
  cursor: seq.optional(),
  anchor: z
    .string()
    .regex(/^\d{1,15}:[0-9a-f]{64}$/, 'must be <seq>:<hash>, as an anchor in the log says')
    .optional(),
});

/** @throws InvalidAuditQueryError */
export const pageQueryOf = (query: unknown): AuditQuery => parsed(pageSchema, query);
/** @throws InvalidAuditQueryError */
export const exportQueryOf = (query: unknown): Omit<AuditQuery, 'limit'> => parsed(exportSchema, query);

/** @throws InvalidAuditQueryError */
export function verificationQueryOf(query: unknown) {
  const { cursor, anchor } = parsed(verificationSchema, query);
  return { after: cursor ?? 0, anchor: anchor === undefined ? undefined : anchorOf(anchor) };
}

/** `<seq>:<hash>` */
function anchorOf(anchor: string) {
  const [at, hash] = anchor.split(':');
  return { seq: Number(at), hash: hash! };
}

function parsed<S extends z.ZodType>(schema: S, query: unknown): z.output<S> {
  const result = schema.safeParse(query);
  if (!result.success) throw new InvalidAuditQueryError(faultsOf(result.error.issues));
  return result.data;
}
