import { z } from 'zod';
import { isArgumentName } from './place-holders.js';

const MAX_PROMPTS = 500;

const argument = z.object({
  name: z
    .string()
    .refine(isArgumentName, 'is no name of an argument: 1 to 64 letters, digits and "_", no digit first')
    .describe('As the template names it'),
  type: z.string().max(64).optional().describe('For people; values are text'),
  required: z
    .boolean()
    .optional()
    .describe('Whether it must be given; what the template names is, unless this says no'),
  description: z.string().max(1024).default(''),
});

const shape = {
  // The specification says nothing of the names of prompts.
  name: z.string().regex(/^\P{Cc}{1,128}$/u, 'must be 1 to 128 characters, none of them a control character'),
  description: z.string().max(4096).default(''),
  template: z
    .string()
    .min(1, 'is empty')
    .max(65_536)
    .describe('The text; {name} and {{ name }} are replaced by the value of an argument'),
  tags: z.array(z.string().max(64)).max(64).default([]),
};

const hasEachNameOnce = (list: readonly { readonly name: string }[]): boolean =>
  new Set(list.map(({ name }) => name)).size === list.length;
const TWICE = 'names one thing twice';

/** Prompts that are part of a configuration. */
export const localPrompts = z
  .array(
    z.strictObject({
      ...shape,
      arguments: z.array(argument.strict()).max(64).refine(hasEachNameOnce, TWICE).default([]),
    }),
  )
  .max(MAX_PROMPTS)
  .refine(hasEachNameOnce, TWICE);

/** Prompts in a file of the operator, in which keys that mean nothing here are passed over. */
export const promptFile = z
  .array(z.object({ ...shape, arguments: z.array(argument).max(64).refine(hasEachNameOnce, TWICE).default([]) }))
  .max(MAX_PROMPTS)
  .refine(hasEachNameOnce, TWICE);

export type LocalPrompt = z.infer<typeof localPrompts>[number];
