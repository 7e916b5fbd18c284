import type { ApiBodyOptions } from '@nestjs/swagger';
import { z } from 'zod';
import { serverConfigSchema } from '../server-config.schema.js';

type DocumentedSchema = Extract<ApiBodyOptions, { schema: unknown }>['schema'];

/** The schema that checks a configuration, as the API's document shows it. */
export const CONFIG_DOCUMENTATION = documented();

export const MERGE_DOCUMENTATION: DocumentedSchema = {
  type: 'object',
  description: 'Any part of a configuration; null removes a key',
};

function documented(): DocumentedSchema {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(serverConfigSchema, { io: 'input', unrepresentable: 'any' });
  return schema as DocumentedSchema;
}
