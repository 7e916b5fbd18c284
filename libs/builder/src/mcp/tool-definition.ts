import { isObject } from '#kernel';

/** 2025-11-25, tools, tool names; and the slash, which servers use although it is not among them. */
const NAME = /^[A-Za-z0-9_./-]{1,128}$/;

/**
 * Whether a member's definition of a tool is one (2025-11-25, schema, `Tool`), as far as clients check it: most of them
 * refuse the whole list for one definition that is none.
 */
export function isToolDefinition(tool: unknown): boolean {
  if (!isObject(tool) || typeof tool['name'] !== 'string' || !NAME.test(tool['name'])) return false;
  const { title, description, inputSchema, outputSchema, annotations, icons, execution, _meta } = tool;
  return (
    [title, description].every((text) => text === undefined || typeof text === 'string') &&
    isSchema(inputSchema) &&
    (outputSchema === undefined || isSchema(outputSchema)) &&
    [annotations, execution, _meta].every((member) => member === undefined || isObject(member)) &&
    (icons === undefined || Array.isArray(icons))
  );
}

function isSchema(schema: unknown): boolean {
  if (!isObject(schema) || schema['type'] !== 'object') return false;
  const { properties, required } = schema;
  return (
    (properties === undefined || isObject(properties)) &&
    (required === undefined || (Array.isArray(required) && required.every((name) => typeof name === 'string')))
  );
}
