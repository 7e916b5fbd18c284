import { z } from 'zod';

const MAX_PAGE = 20_000;
const LIMIT = 'Operations that are told at most';
const OFFSET = 'The first operation that is told';

/** Of a request to the API: as many as a member can have fit on a page, unless their names are very long. */
export const queryPage = z.object({
  offset: z.coerce.number('must be a number').int().min(0).default(0),
  limit: z.coerce.number('must be a number').int().min(1).max(MAX_PAGE).default(2_000),
});

/** Of a call of the tool: a model reads every line. */
export const argumentPage = {
  offset: z.number().int().min(0).default(0).describe(OFFSET),
  limit: z.number().int().min(1).max(MAX_PAGE).default(100).describe(LIMIT),
};
