import { z } from 'zod';

const MAX_RULES = 200;
const MAX_PATTERN = 256;
const stars = (text: string): number => text.split('*').length - 1;

/** A full name, `<serverId>_<name>`; one `*` may stand for any text. */
const from = z
  .string()
  .min(1, 'is empty')
  .max(MAX_PATTERN, `is too long: ${MAX_PATTERN} characters at most`)
  .refine((text) => stars(text) <= 1, 'has more than one "*"')
  .refine(
    (text) => !/[?\p{Cc}\p{Surrogate}]/u.test(text),
    'holds "?", a control character or half of a surrogate pair',
  );

/** The name in its place, with the text that the `*` stood for where it has one itself. */
const to = z.string().regex(/^(?:[A-Za-z0-9_./-]{1,64}|[A-Za-z0-9_./-]{0,63}\*[A-Za-z0-9_./-]{0,63})$/, {
  error: 'must be 1 to 64 letters, digits, "_", ".", "/" or "-", with one "*" at most',
});

/** From full names to the names that are offered instead, the first rule that fits. */
export const nameRules = z
  .record(from, to)
  .refine((rules) => Object.keys(rules).length > 0, 'is empty')
  .refine((rules) => Object.keys(rules).length <= MAX_RULES, `has more than ${MAX_RULES} entries`)
  .refine(
    (rules) => Object.entries(rules).every(([full, offered]) => stars(offered) <= stars(full)),
    'has a name with "*" where the full name has none',
  );
