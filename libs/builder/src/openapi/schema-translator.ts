import { type Json, type JsonObject, isObject } from '#kernel';
import { DefinitionQueue } from './definition-queue.js';
import { MARKED, discriminated } from './discriminator.js';
import { listOf, memberOf, textOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { plainText } from './plain-text.js';
import { isReadOnly } from './read-only.js';
import { findSchema } from './reference.js';
import { breakInPlaceCycles } from './schema-cycles.js';
import {
  SCHEMA_KEYWORDS,
  SCHEMA_LIST_KEYWORDS,
  SCHEMA_MAP_KEYWORDS,
  exampleIn,
  orNull,
  plainKeywords,
} from './schema-keywords.js';

/** How much of a schema is kept. */
export interface SchemaDetail {
  /** JSON levels of the tool's schema; what lies deeper accepts anything. */
  readonly maxDepth: number;
  /** References followed behind one another; what lies further accepts anything. */
  readonly maxReferences: number;
  /** Whether descriptions and titles are kept. */
  readonly texts: boolean;
  /** Bytes of JSON, roughly, at which the work is given up. */
  readonly maxBytes: number;
}

const MAX_DESCRIPTION_BYTES = 1024;
const MAX_TITLE_BYTES = 128;

/**
 * Turns the schemas of one tool's input into JSON Schema 2020-12 with shared definitions. References become `$defs`,
 * so recursive schemas stay finite; what a caller may not send (`readOnly`) is left out. One instance per tool.
 *
 * Recursion goes no deeper than the detail's `maxDepth`: references are queued, not followed on the stack.
 */
export class SchemaTranslator {
  /** Whether anything was left out for its size. */
  isSimplified = false;
  /** Bytes of JSON made so far, roughly. */
  bytes = 0;
  readonly #queue = new DefinitionQueue();
  #references = 0;

  constructor(
    private readonly document: OpenApiDocument,
    private readonly detail: SchemaDetail,
  ) {}

  /** Whether `maxBytes` was passed. What was made since then is of no use. */
  get isOverBudget(): boolean {
    return this.bytes > this.detail.maxBytes;
  }

  /**
   * @param depth JSON levels above the schema
   * @throws UnsupportedOperationError for a reference that cannot be followed
   */
  translate(schema: unknown, depth: number): Json {
    if (typeof schema === 'boolean') return schema;
    if (!isObject(schema) || this.isOverBudget) return {};
    if (depth >= this.detail.maxDepth) {
      this.isSimplified ||= Object.keys(schema).length > 0;
      return {};
    }
    const translated = this.#keywords(schema, depth);
    const isNullable = schema.nullable === true || schema['x-nullable'] === true;
    return isNullable ? orNull(translated) : translated;
  }

  /** The definitions that everything translated so far refers to. Call once, last. */
  definitions(): JsonObject {
    const definitions: Record<string, JsonObject> = {};
    // The queue grows while it is worked off.
    for (const { name, schema, references } of this.#queue) {
      if (this.isOverBudget) break;
      this.#references = references;
      const translated = this.translate(schema, DEFINITION_DEPTH);
      definitions[name] = isObject(translated) ? translated : translated ? {} : { not: {} };
    }
    if (breakInPlaceCycles(definitions)) this.isSimplified = true;
    return definitions;
  }

  #keywords(schema: Record<string, unknown>, depth: number): Record<string, Json> {
    const ref = textOf(schema, '$ref');
    if (ref !== undefined && this.document.version === '3.0' && !(MARKED in schema))
      return { ...this.#texts(schema), ...this.#reference(ref) };
    const plain = this.#counted(this.#shallow(plainKeywords(schema), depth));
    return {
      ...this.#texts(schema),
      ...plain,
      ...(ref !== undefined && this.#reference(ref)),
      ...this.#children(schema, depth),
    };
  }

  #texts(schema: Record<string, unknown>): Record<string, Json> {
    if (!this.detail.texts) return {};
    const title = plainText(textOf(schema, 'title') ?? '', MAX_TITLE_BYTES);
    const description = plainText(textOf(schema, 'description') ?? '', MAX_DESCRIPTION_BYTES);
    return this.#counted({ ...(title && { title }), ...(description && { description }), ...exampleIn(schema) });
  }

  // `default`, `const` and `enum` hold values of any shape.
  #shallow(plain: Record<string, Json>, depth: number): Record<string, Json> {
    for (const [keyword, value] of Object.entries(plain)) {
      if (typeof value !== 'object' || isWithin(value, this.detail.maxDepth - depth)) continue;
      delete plain[keyword];
      this.isSimplified = true;
    }
    return plain;
  }

  #counted(part: Record<string, Json>): Record<string, Json> {
    this.bytes += JSON.stringify(part).length;
    return part;
  }

  #reference(ref: string): Record<string, Json> {
    const { pointer, value } = findSchema(this.document, ref);
    const known = this.#queue.nameOf(pointer);
    if (known === undefined && this.#references >= this.detail.maxReferences) {
      this.isSimplified = true;
      return {};
    }
    const name = known ?? this.#queue.add(pointer, value, this.#references + 1);
    return this.#counted({ $ref: `#/$defs/${name}` });
  }

  #children(schema: Record<string, unknown>, depth: number): Record<string, Json> {
    const children: Record<string, Json> = {};
    for (const keyword of SCHEMA_KEYWORDS) {
      const child = memberOf(schema, keyword);
      if (isSchema(child)) children[keyword] = this.translate(child, depth + 1);
    }
    for (const keyword of SCHEMA_LIST_KEYWORDS) {
      const parts = listOf(schema, keyword);
      const list = this.#list(keyword === 'allOf' ? parts : discriminated(schema, parts), depth);
      if (list.length > 0) children[keyword] = list;
    }
    for (const keyword of SCHEMA_MAP_KEYWORDS) {
      const map = memberOf(schema, keyword);
      if (isObject(map) && this.#hasRoom(map, depth)) children[keyword] = this.#map(keyword, map, depth);
    }
    return { ...children, ...this.#items(schema, depth), ...this.#required(schema, children.properties) };
  }

  /** Whether schemas may stand inside a list or map inside a schema at this depth. */
  #hasRoom(children: object, depth: number): boolean {
    const hasRoom = depth + 2 <= this.detail.maxDepth;
    this.isSimplified ||= !hasRoom && Object.keys(children).length > 0;
    return hasRoom;
  }

  #list(list: readonly unknown[], depth: number): Json[] {
    if (!this.#hasRoom(list, depth)) return [];
    return list.filter(isSchema).map((child) => this.translate(child, depth + 2));
  }

  #map(keyword: string, map: Record<string, unknown>, depth: number): JsonObject {
    const translated: Record<string, Json> = {};
    for (const [name, child] of Object.entries(map)) {
      if (this.isOverBudget) break;
      const isLeftOut = !isSchema(child) || (keyword === 'properties' && isReadOnly(this.document, child));
      if (isLeftOut || (keyword === 'patternProperties' && !('pattern' in plainKeywords({ pattern: name })))) continue;
      this.bytes += name.length + PUNCTUATION;
      translated[name] = this.translate(child, depth + 2);
    }
    return translated;
  }

  // Before 2020-12 a list under `items` meant a tuple.
  #items(schema: Record<string, unknown>, depth: number): Record<string, Json> {
    const { items } = schema;
    if (isSchema(items)) return { items: this.translate(items, depth + 1) };
    const tuple = this.#list(listOf(schema, 'items'), depth);
    return tuple.length > 0 ? { prefixItems: tuple } : {};
  }

  // A property that was left out of `properties` cannot be required any more.
  #required(schema: Record<string, unknown>, kept: Json | undefined): Record<string, Json> {
    const declared = memberOf(schema, 'properties');
    const names = listOf(schema, 'required').filter((name): name is string => typeof name === 'string');
    const isLeftOut = (name: string): boolean =>
      memberOf(declared, name) !== undefined && memberOf(kept, name) === undefined;
    const required = [...new Set(names)].filter((name) => !isLeftOut(name));
    return required.length > 0 ? this.#counted({ required }) : {};
  }
}

/** A definition stands in `$defs` in the root. */
const DEFINITION_DEPTH = 3;
/** Quotes, colon, comma and braces around a member. */
const PUNCTUATION = 6;

const isSchema = (value: unknown): boolean => isObject(value) || typeof value === 'boolean';

function isWithin(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isWithin(member, depth - 1));
}
