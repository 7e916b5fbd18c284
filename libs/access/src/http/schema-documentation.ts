import type { ApiBodyOptions } from '@nestjs/swagger';
import { z } from 'zod';

type DocumentedSchema = Extract<ApiBodyOptions, { schema: unknown }>['schema'];

/** The schema that checks a body, as the API's document shows it. */
export function documented(schema: z.ZodType): DocumentedSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest as DocumentedSchema;
}
