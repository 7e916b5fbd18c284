import type { ToolFacts } from '#builder';
import { isObject } from '#kernel';

type Record_ = Readonly<Record<string, unknown>>;

/** What the definition of a tool says, for those who look for one. */
export function toolFacts(definition: Record_): ToolFacts {
  const { name, title, description } = definition;
  const said = typeof description === 'string' ? description : '';
  const summary = said || (typeof title === 'string' ? title : '');
  return { name: String(name), summary, description: said, tags: tagsOf(definition) };
}

/** The original's `get_type_info` of a tool: its schema, and the arguments in it one by one. */
export function toolDetail(definition: Record_): object {
  const { name, description, inputSchema, outputSchema } = definition;
  return {
    name,
    description: typeof description === 'string' ? description : '',
    ...(inputSchema === undefined ? {} : { inputSchema, parameters: parametersOf(inputSchema) }),
    ...(outputSchema === undefined ? {} : { outputSchema }),
  };
}

/** FastMCP tells of them in the definition's `_meta`. */
function tagsOf({ _meta }: Record_): readonly string[] {
  const { fastmcp, _fastmcp = fastmcp } = isObject(_meta) ? _meta : {};
  const tags = isObject(_fastmcp) ? _fastmcp['tags'] : undefined;
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string') : [];
}

const TOLD = ['default', 'enum', 'format', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength', 'items'];

function parametersOf(schema: unknown): readonly object[] {
  const { properties, required } = isObject(schema) ? schema : {};
  if (!isObject(properties)) return [];
  return Object.entries(properties).map(([name, given]) => {
    const property = isObject(given) ? given : {};
    const { type = 'unknown', description = '' } = property;
    const more = TOLD.filter((key) => key in property).map((key) => [key, property[key]]);
    const isRequired = Array.isArray(required) && required.includes(name);
    return { name, type, description, required: isRequired, ...(Object.fromEntries(more) as object) };
  });
}
