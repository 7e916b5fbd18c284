import { z } from 'zod';

/** A version as people and the original write it: `3`, `"3"`, `"v3"`. */
export const versionArgument = z
  .union([
    z.number(),
    z.string().regex(/^v?\d{1,9}$/, 'must be a number, as GET …/versions and the answer of the change show it'),
  ])
  .transform((version) => Number(String(version).replace(/^v/, '')))
  .pipe(z.number().int().min(1))
  .describe('The number of the version');
