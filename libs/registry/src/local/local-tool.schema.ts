import { headerName, headerText } from '#auth';
import { z } from 'zod';

const MAX_TOOLS = 200;
const MAX_TEXT = 65_536;

const contentType = z
  .string()
  .max(256)
  .regex(/^[\w.+-]+\/[\w.+-]+(\s*;[\x20-\x7e]*)?$/, 'is no media type');

/** `accept` is the one header of the protocol that says what is wanted, and steers nothing. */
const toolHeader = z.union([z.string().regex(/^accept$/i), headerName]);

/** Whether a tool may have a header of this name. */
export const isToolHeader = (name: string): boolean => toolHeader.safeParse(name).success;

const body = z.union([
  z.strictObject({ content_type: contentType, text: z.string().max(MAX_TEXT) }),
  z.strictObject({
    parts: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(256),
          text: z.string().max(MAX_TEXT),
          content_type: contentType.optional(),
        }),
      )
      .min(1)
      .max(100)
      .describe('Fields of a form of several parts (RFC 7578)'),
  }),
]);

/** One HTTP request as a tool. Wherever a text may hold `{{name}}`, that is an argument of the tool. */
const localTool = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" or "-"'),
  description: z.string().trim().min(1, 'is empty: a model chooses by it').max(4096),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).default('GET'),
  path: z
    .string()
    .min(1)
    .max(8_192)
    .describe('Below the endpoint, with its query; {{name}} in segments and values of the query'),
  headers: z
    .record(toolHeader, headerText)
    .default({})
    .describe('Readable, and may hold {{name}}; what is secret belongs into "headers" or "auth" of the server'),
  body: body.optional(),
});

export const localTools = z
  .array(localTool)
  .max(MAX_TOOLS)
  .refine((tools) => new Set(tools.map(({ name }) => name)).size === tools.length, 'names one tool twice');

export type LocalTool = z.infer<typeof localTool>;
