import type { z } from 'zod';

export interface DocumentedStrategy {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly settings: z.ZodType;
  readonly secrets: readonly string[];
}

/** Path from the root. */
export const DOCUMENT: string;

/** The document with its generated parts written anew. */
export function written(
  text: string,
  strategies: readonly DocumentedStrategy[],
  toJsonSchema: typeof z.toJSONSchema,
): string;
