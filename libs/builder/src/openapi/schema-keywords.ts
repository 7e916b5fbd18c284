import type { Json } from '#kernel';
import { isHarmlessPattern } from './linear-pattern.js';

/** Keywords whose value is one schema, a list of schemas, or schemas by name (JSON Schema 2020-12, section 10). */
export const SCHEMA_KEYWORDS = ['additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
export const SCHEMA_LIST_KEYWORDS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
export const SCHEMA_MAP_KEYWORDS = ['properties', 'patternProperties', 'dependentSchemas'];

const TYPES: readonly unknown[] = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];

type Check = (value: Json) => boolean;
const isNumber: Check = (value) => typeof value === 'number';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isBoolean: Check = (value) => typeof value === 'boolean';
const isText: Check = (value) => typeof value === 'string' && value.length <= MAX_TEXT;
const isList: Check = (value) => Array.isArray(value);
const isAnything: Check = () => true;

const MAX_TEXT = 256;

/**
 * Plain keywords that a tool's schema keeps, and what their value must be; a keyword with another value, and every
 * keyword that is not here, is left out. Kept is what limits an argument or helps to choose one.
 */
const PLAIN_KEYWORDS: Readonly<Record<string, Check>> = {
  type: (value) =>
    Array.isArray(value) ? value.length > 0 && value.every((type) => TYPES.includes(type)) : TYPES.includes(value),
  enum: (value) => Array.isArray(value) && value.length > 0,
  const: isAnything,
  default: isAnything,
  format: isText,
  // Clients compile patterns with engines that backtrack.
  pattern: (value) => typeof value === 'string' && isHarmlessPattern(value),
  multipleOf: (value) => typeof value === 'number' && value > 0,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minContains: isCount,
  maxContains: isCount,
  uniqueItems: isBoolean,
  minProperties: isCount,
  maxProperties: isCount,
  deprecated: isBoolean,
  contentEncoding: isText,
  contentMediaType: isText,
};

/** The part of a schema that holds no other schema, in the words of JSON Schema 2020-12 whatever the source said. */
export function plainKeywords(schema: Readonly<Record<string, unknown>>): Record<string, Json> {
  const plain: Record<string, Json> = {};
  for (const [keyword, check] of Object.entries(PLAIN_KEYWORDS)) {
    const value = Object.hasOwn(schema, keyword) ? (schema[keyword] as Json) : undefined;
    if (value !== undefined && check(value)) plain[keyword] = value;
  }
  useNumericBounds(plain, schema);
  if (isList(plain.type ?? null)) plain.type = [...new Set(plain.type as string[])];
  return plain;
}

const MAX_EXAMPLE = 64;

/**
 * The first example that a schema or a parameter gives, as JSON Schema has them: short texts and numbers alone, since
 * what they are for is to show how a value is written.
 */
export function exampleIn(place: Readonly<Record<string, unknown>>): { examples?: [Json] } {
  const { example, examples } = place;
  const [first] = Array.isArray(examples) ? (examples as unknown[]) : [example];
  const isShown =
    typeof first === 'number' || (typeof first === 'string' && first !== '' && first.length <= MAX_EXAMPLE);
  return isShown ? { examples: [first] } : {};
}

// Draft 4, and with it OpenAPI 3.0, says `minimum: 5, exclusiveMinimum: true`.
function useNumericBounds(plain: Record<string, Json>, schema: Readonly<Record<string, unknown>>): void {
  for (const [bound, exclusive] of [
    ['minimum', 'exclusiveMinimum'],
    ['maximum', 'exclusiveMaximum'],
  ] as const) {
    const limit = plain[bound];
    if (schema[exclusive] !== true || limit === undefined) continue;
    plain[exclusive] = limit;
    delete plain[bound];
  }
}

/** Lets a translated schema accept `null` too, as OpenAPI 3.0's `nullable` asks for. */
export function orNull(schema: Record<string, Json>): Record<string, Json> {
  const { type } = schema;
  const choices = schema.enum as readonly Json[] | undefined;
  if (choices && !choices.includes(null)) schema.enum = [...choices, null];
  if (type !== undefined) {
    const types = [type].flat() as string[];
    return { ...schema, type: types.includes('null') ? types : [...types, 'null'] };
  }
  const isOpen = !['$ref', 'allOf', 'anyOf', 'oneOf', 'const', 'not'].some((keyword) => keyword in schema);
  if (isOpen) return schema;
  const { title, description, default: preset, ...rest } = schema;
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(preset !== undefined && { default: preset }),
    anyOf: [rest, { type: 'null' }],
  };
}
