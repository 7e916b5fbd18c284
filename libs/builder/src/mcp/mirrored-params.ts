import { isObject } from '#kernel';
import { decodeHeader, encodeHeader } from './mcp-protocol.js';

/** An argument of a tool that a request over HTTP repeats in a header (2026-07-28, transports, custom headers). */
export interface MirroredParam {
  /** Of the header, in lower case. */
  readonly header: string;
  /** Where the argument stands, from the arguments down. */
  readonly path: readonly string[];
  readonly type: 'string' | 'integer' | 'boolean';
}

const KEY = 'x-mcp-header';
const PREFIX = 'mcp-param-';
/** RFC 9110, 5.6.2: `token`. */
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/;
const TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
const DECIMAL = /^-?\d+(?:\.\d+)?$/;
const MOST = 64;
const DEEPEST = 64;
/** JSON Schema 2020-12 and, for what is old, draft 7: keywords that hold a schema, a list of them, or one for each name. */
const SCHEMAS = [
  'items',
  'contains',
  'additionalItems',
  'additionalProperties',
  'unevaluatedItems',
  'unevaluatedProperties',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
];
const LISTS = ['items', 'prefixItems', 'allOf', 'anyOf', 'oneOf'];
const MAPS = ['$defs', 'definitions', 'patternProperties', 'dependentSchemas'];

/**
 * What the schema of a tool's arguments has repeated; undefined if it says so where it must not: under anything but
 * `properties`, twice under one name, under a name that no header can have, of a value that is not plain.
 */
export function mirroredIn(inputSchema: unknown): readonly MirroredParam[] | undefined {
  const found: MirroredParam[] = [];
  const isSound = collect(inputSchema, [], found) && found.length <= MOST;
  return isSound && new Set(found.map(({ header }) => header)).size === found.length ? found : undefined;
}

/** The headers of a call with these arguments. What is not there, or not plain, has none. */
export function mirroringHeaders(mirrored: readonly MirroredParam[], args: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { header, path } of mirrored) {
    const text = textOf(at(args, path));
    if (text !== undefined) headers[header] = encodeHeader(text);
  }
  return headers;
}

/** The first header that does not say what the arguments say; undefined if there is none. */
export function mismatchIn(
  mirrored: readonly MirroredParam[],
  args: unknown,
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): string | undefined {
  return mirrored.find(({ header, path, type }) => {
    const value = at(args, path);
    const text = textOf(value);
    if (text === undefined) return false;
    const said = headers[header];
    const decoded = typeof said === 'string' ? decodeHeader(said) : undefined;
    if (decoded === undefined) return true;
    const isSameNumber = type === 'integer' && DECIMAL.test(decoded) && Number(decoded) === value;
    return decoded !== text && !isSameNumber;
  })?.header;
}

/** False if something is annotated that must not be. */
function collect(schema: unknown, path: readonly string[], found: MirroredParam[]): boolean {
  if (!isObject(schema)) return true;
  const { [KEY]: name, type, properties } = schema;
  if (name !== undefined) {
    if (path.length === 0 || typeof name !== 'string' || !TOKEN.test(name) || !TYPES.has(type)) return false;
    found.push({ header: PREFIX + name.toLowerCase(), path, type: type as MirroredParam['type'] });
  }
  if (path.length >= DEEPEST || below(schema).some((one) => isAnnotated(one, path.length))) return false;
  if (!isObject(properties)) return true;
  return Object.entries(properties).every(([key, property]) => collect(property, [...path, key], found));
}

/** Whether an annotation stands in this schema or anywhere below. What is too deep to look at counts as annotated. */
function isAnnotated(schema: unknown, depth: number): boolean {
  if (!isObject(schema)) return false;
  if (schema[KEY] !== undefined || depth >= DEEPEST) return true;
  const { properties } = schema;
  return [...below(schema), ...(isObject(properties) ? Object.values(properties) : [])].some((one) =>
    isAnnotated(one, depth + 1),
  );
}

/** The schemas within this one that no chain of `properties` leads to. */
function below(schema: Readonly<Record<string, unknown>>): readonly unknown[] {
  return [
    ...SCHEMAS.map((keyword) => schema[keyword]),
    ...LISTS.flatMap((keyword) => (Array.isArray(schema[keyword]) ? (schema[keyword] as unknown[]) : [])),
    ...MAPS.flatMap((keyword) => (isObject(schema[keyword]) ? Object.values(schema[keyword]) : [])),
  ];
}

function at(args: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    args,
  );
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || (typeof value === 'number' && isExact(value))) return String(value);
  return undefined;
}

const isExact = (value: number): boolean =>
  Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
