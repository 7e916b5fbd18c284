import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { isObject } from '#kernel';
import { compileOperations } from './compile-operations.js';
import { INPUT_LIMITS } from './openapi-operation.js';
import { OUTPUT_LIMITS } from './output-schemas.js';
import { parseDocument } from './parse-document.js';

const root = path.dirname(createRequire(import.meta.url).resolve('@readme/oas-examples/package.json'));
const files = ['2.0', '3.0', '3.1'].flatMap((version) =>
  readdirSync(path.join(root, version), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(json|yaml)$/.test(file))
    .map((file) => path.join(version, file)),
);
const compile = (file: string) => compileOperations(parseDocument(readFileSync(path.join(root, file))));

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
const MAPS = ['properties', 'patternProperties', 'dependentSchemas', '$defs'];
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const SINGLES = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
const COUNTS = ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'];
const NUMBERS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const TEXTS = ['title', 'description', 'format', 'pattern', 'contentEncoding', 'contentMediaType'];
const OTHERS = ['$ref', 'type', 'enum', 'const', 'default', 'required', 'uniqueItems', 'deprecated', 'examples'];

/** What is wrong with the shape of a JSON Schema 2020-12, at most one fault per place. */
function faultsOf(schema: unknown, place: string, definitions: object): string[] {
  if (typeof schema === 'boolean') return [];
  if (!isObject(schema)) return [`${place} is no schema`];
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const here = `${place}/${keyword}`;
    const inside = (key: string | number, child: unknown) => faultsOf(child, `${here}/${key}`, definitions);
    if (MAPS.includes(keyword))
      return isObject(value) ? Object.entries(value).flatMap(([key, child]) => inside(key, child)) : [here];
    if (LISTS.includes(keyword))
      return Array.isArray(value) && value.length > 0 ? value.flatMap((child, at) => inside(at, child)) : [here];
    if (SINGLES.includes(keyword)) return faultsOf(value, here, definitions);
    if (COUNTS.includes(keyword)) return Number.isInteger(value) ? [] : [here];
    if (NUMBERS.includes(keyword)) return typeof value === 'number' ? [] : [here];
    if (TEXTS.includes(keyword)) return typeof value === 'string' ? [] : [here];
    if (keyword === 'type') return [value].flat().every((type) => TYPES.includes(type as string)) ? [] : [here];
    if (keyword === 'required' || keyword === 'enum') return Array.isArray(value) && value.length > 0 ? [] : [here];
    if (keyword === '$ref')
      return Object.hasOwn(definitions, String(value).replace('#/$defs/', '')) ? [] : [`${here} dangles`];
    return OTHERS.includes(keyword) ? [] : [`${here} is unknown`];
  });
}

describe('the example documents of @readme/oas-examples', () => {
  it('are there', () => {
    expect(files.length).toBeGreaterThan(100);
  });

  it.each(files)('%s makes tools with sound and bounded schemas', (file) => {
    const { operations, skipped } = compile(file);
    for (const { name, inputSchema, outputSchema, description } of operations) {
      expect(name).toMatch(/^[A-Za-z0-9_]{1,60}$/);
      expect(faultsOf(inputSchema, name, (inputSchema.$defs ?? {}) as object)).toEqual([]);
      expect(inputSchema.type).toBe('object');
      expect(Buffer.byteLength(JSON.stringify(inputSchema))).toBeLessThanOrEqual(INPUT_LIMITS.maxBytes);
      if (outputSchema) {
        expect(faultsOf(outputSchema, name, (outputSchema.$defs ?? {}) as object)).toEqual([]);
        expect(outputSchema.type).toBe('object');
        expect(Buffer.byteLength(JSON.stringify(outputSchema))).toBeLessThanOrEqual(OUTPUT_LIMITS.maxBytes);
      }
      expect(Buffer.byteLength(description)).toBeLessThanOrEqual(4096);
    }
    expect(new Set(operations.map(({ name }) => name)).size).toBe(operations.length);
    expect(skipped).toEqual([]);
  });

  // The two spellings of parameters-style differ in a method.
  it('make the same tools in JSON and in YAML', () => {
    const pairs = files
      .filter((file) => file.endsWith('.yaml'))
      .map((file) => [file, file.replaceAll('yaml', 'json')] as const);
    const common = pairs.filter(([, json]) => files.includes(json) && !/parameters-style/.test(json));
    const names = (file: string) => compile(file).operations.map(({ name }) => name);
    for (const [yaml, json] of common) expect([yaml, names(yaml)]).toEqual([yaml, names(json)]);
    expect(common.length).toBeGreaterThan(40);
  });
});
