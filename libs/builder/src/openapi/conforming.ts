import { type Json, type JsonObject, isObject } from '#kernel';

/** Steps that every value has, however small it is. */
const BASE_STEPS = 100_000;
const PREFIX = '#/$defs/';

type Members = Readonly<Record<string, unknown>>;

/**
 * Whether a value is what a schema of `OutputTranslator` says. It knows that small language and no more: types,
 * properties, items, `$ref` into `$defs`, `allOf` and `anyOf`.
 *
 * @param size characters of the value as JSON, which bounds the work: alternatives within alternatives can cost any
 *   amount of it, and a value that costs more than this does not conform
 */
export function conforms(schema: JsonObject, value: Json, size = 0): boolean {
  return new Conformity(schema, BASE_STEPS + size).holds(schema, value);
}

class Conformity {
  private readonly definitions: Members;

  constructor(
    root: JsonObject,
    private steps: number,
  ) {
    this.definitions = membersOf(root['$defs']);
  }

  holds(schema: unknown, value: unknown): boolean {
    if (--this.steps < 0) return false;
    if (!isObject(schema)) return true;
    const { type, properties, items, $ref, allOf, anyOf } = schema;
    if (type !== undefined && !isOfType(type, value)) return false;
    if (properties !== undefined && isObject(value) && !this.hasProperties(properties as Members, value)) return false;
    if (items !== undefined && Array.isArray(value) && !value.every((item) => this.holds(items, item))) return false;
    if ($ref !== undefined && !this.holds(this.definitions[($ref as string).slice(PREFIX.length)], value)) return false;
    if (allOf !== undefined && !(allOf as unknown[]).every((part) => this.holds(part, value))) return false;
    return anyOf === undefined || (anyOf as unknown[]).some((part) => this.holds(part, value));
  }

  private hasProperties(properties: Members, value: Members): boolean {
    for (const name of Object.keys(properties)) {
      if (Object.hasOwn(value, name) && !this.holds(properties[name], value[name])) return false;
    }
    return true;
  }
}

const membersOf = (value: unknown): Members => (isObject(value) ? value : {});

const isOfType = (type: unknown, value: unknown): boolean =>
  Array.isArray(type) ? type.some((one) => isOneType(one, value)) : isOneType(type, value);

function isOneType(type: unknown, value: unknown): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'null':
      return value === null;
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
