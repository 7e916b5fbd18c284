import { z } from 'zod';
import { address } from './address.schema.js';

const TOOL_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,55}$/;
/** Characters of one document. */
const MAX_DOCUMENT = 64 * 1024;

const document = z.string().min(1, 'is empty').max(MAX_DOCUMENT, `is too long: ${MAX_DOCUMENT} characters at most`);

const storedOperation = z.strictObject({
  name: z
    .string()
    .regex(TOOL_NAME, 'must be 1 to 56 letters, digits, "_" or "-", starting with a letter or "_"')
    .describe('Of the tool'),
  query: document.describe('A GraphQL document with one operation, and the fragments that it uses'),
  description: z.string().max(4096).optional().describe('Of the tool, for models'),
});

const limit = (most: number, usual: number) => z.number().int().min(1).max(most).default(usual);

const limits = z.strictObject({
  depth: limit(50, 15).describe('Fields inside one another; those below __schema and __type do not count'),
  fields: limit(10_000, 1_000).describe('Fields in all, fragments counted as often as they are used'),
  aliases: limit(1_000, 50).describe('Aliases in all'),
  cost: limit(10_000_000, 100_000).describe(
    'Every field costs 1; what is below a field with first, last or limit costs so many times as much',
  ),
});

/** The block `graphql` of a member of that type. */
export const graphqlSettings = z
  .strictObject({
    endpoint: address.describe('Where operations are posted'),
    tools: z
      .array(z.enum(['query', 'fields', 'operations']))
      .min(1, 'is empty')
      .max(3)
      .optional()
      .describe(
        'What is offered. query: one tool that takes any operation, with the id of the server as its name. fields: a tool ' +
          'for each field of the query and mutation types. operations: a tool for each of "operations". Unless given: ' +
          'query, and operations if there are some',
      ),
    schema: z
      .union([z.string(), z.record(z.string(), z.unknown())])
      .optional()
      .describe('The schema: SDL, or the result of an introspection. Unless given, the service is asked for it'),
    schema_filepath: z
      .string()
      .max(4096)
      .optional()
      .describe("The same in a file on the composer's host; for operators only"),
    operations: z
      .array(z.union([document, storedOperation]))
      .max(1_000)
      .default([])
      .describe('Stored operations: a document, whose operation names the tool, or name, query and description'),
    limits: limits
      .default({ depth: 15, fields: 1_000, aliases: 50, cost: 100_000 })
      .describe('What one operation may ask for at most; a larger one is not sent'),
  })
  .refine(({ schema, schema_filepath }) => schema === undefined || schema_filepath === undefined, {
    error: 'is given, and schema as well: one of the two is enough',
    path: ['schema_filepath'],
  })
  .refine(({ tools, operations }) => !tools?.includes('operations') || operations.length > 0, {
    error: 'is empty, and tools offers it',
    path: ['operations'],
  })
  .refine(({ tools, operations }) => operations.length === 0 || (tools?.includes('operations') ?? true), {
    error: 'does not name operations, and there are some',
    path: ['tools'],
  });
