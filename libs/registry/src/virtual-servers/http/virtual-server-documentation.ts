import type { ApiBodyOptions } from '@nestjs/swagger';
import { z } from 'zod';
import { virtualServerSchema } from '../virtual-server.schema.js';

type DocumentedSchema = Extract<ApiBodyOptions, { schema: unknown }>['schema'];

/** The schema that checks a virtual server, as the API's document shows it. */
export const VIRTUAL_SERVER_DOCUMENTATION = documented();

export const MERGE_DOCUMENTATION: DocumentedSchema = {
  type: 'object',
  description: 'Any part of a virtual server; null removes a key',
};

function documented(): DocumentedSchema {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(virtualServerSchema, { io: 'input', unrepresentable: 'any' });
  // The address names it.
  return { ...schema, required: schema.required?.filter((name) => name !== 'slug') } as DocumentedSchema;
}
