import { type Json, type JsonObject, isObject } from '#kernel';
import { DefinitionQueue } from './definition-queue.js';
import { listOf, memberOf, textOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { plainText } from './plain-text.js';
import { dereference, findSchema } from './reference.js';
import { breakInPlaceCycles } from './schema-cycles.js';

/** How much of the schema of an answer is kept. */
export interface OutputDetail {
  /** JSON levels of the tool's schema; what lies deeper may be anything. */
  readonly maxDepth: number;
  /** References followed behind one another; what lies further may be anything. */
  readonly maxReferences: number;
  /** Whether descriptions are kept. */
  readonly texts: boolean;
  /** Bytes of JSON, roughly, at which the work is given up. */
  readonly maxBytes: number;
}

const TYPES: readonly unknown[] = ['string', 'number', 'integer', 'boolean', 'object', 'array'];
const MAX_DESCRIPTION_BYTES = 256;
const MAX_CHOICES = 20;
/** A wider object fits no schema of an answer. */
const MAX_PROPERTIES = 500;
/** A definition stands in `$defs` in the root. */
const DEFINITION_DEPTH = 3;
/** Quotes, colon, comma and braces around a member. */
const PUNCTUATION = 6;
/** More than it takes: a schema of many empty ones costs time rather than bytes. */
const BRACES = 8;

type Schema = Record<string, Json>;

/**
 * Turns the schema of an answer into what may be promised of it: types, each of which may be `null`, properties, items
 * and alternatives. Services answer otherwise than their documents say, and clients refuse results for it, so nothing is
 * required and no value is limited. What only callers send (`writeOnly`) is left out. One instance per tool.
 *
 * Recursion goes no deeper than the detail's `maxDepth`: references are queued, not followed on the stack.
 */
export class OutputTranslator {
  /** Bytes of JSON made so far, roughly. */
  bytes = 0;
  private readonly queue = new DefinitionQueue();
  private references = 0;

  /** @param wide objects with more members than any schema takes, which are not to be counted again */
  constructor(
    private readonly document: OpenApiDocument,
    private readonly detail: OutputDetail,
    private readonly wide: WeakSet<object>,
  ) {}

  /** Whether `maxBytes` was passed. What was made since then is of no use. */
  get isOverBudget(): boolean {
    return this.bytes > this.detail.maxBytes;
  }

  /** @param depth JSON levels above the schema */
  translate(schema: unknown, depth: number): Schema {
    if (!isObject(schema) || this.isOverBudget || depth >= this.detail.maxDepth) return {};
    this.bytes += BRACES;
    const ref = textOf(schema, '$ref');
    if (ref !== undefined && this.document.version === '3.0') return this.reference(ref);
    const parts = this.list(schema, 'allOf', depth);
    const [only] = parts;
    // The common way to say something about a reference.
    const isWrapped = ref === undefined && parts.length === 1 && only !== undefined && Object.keys(only)[0] === '$ref';
    const text = this.detail.texts ? plainText(textOf(schema, 'description') ?? '', MAX_DESCRIPTION_BYTES) : '';
    return {
      ...(text && this.counted({ description: text })),
      ...this.types(schema),
      ...(ref !== undefined && this.reference(ref)),
      ...(isWrapped ? only : parts.length > 0 && { allOf: parts }),
      ...this.properties(schema, depth),
      ...this.items(schema, depth),
      ...this.choices(schema, depth),
    };
  }

  /** The definitions that everything translated so far refers to. Call once, last. */
  definitions(): JsonObject {
    const definitions: Record<string, JsonObject> = {};
    for (const { name, schema, references } of this.queue) {
      if (this.isOverBudget) break;
      this.references = references;
      definitions[name] = this.translate(schema, DEFINITION_DEPTH);
    }
    breakInPlaceCycles(definitions);
    return definitions;
  }

  private types(schema: Record<string, unknown>): Schema {
    const types = [schema['type']].flat().filter((type) => type !== 'null');
    if (types.length === 0 || !types.every((type) => TYPES.includes(type))) return {};
    return this.counted({ type: [...new Set(types as string[]), 'null'] });
  }

  // A reference that cannot be followed costs what it stands for, and not the tool.
  private reference(ref: string): Schema {
    const target = followed(() => findSchema(this.document, ref));
    if (!target) return {};
    const known = this.queue.nameOf(target.pointer);
    if (known === undefined && this.references >= this.detail.maxReferences) return {};
    const name = known ?? this.queue.add(target.pointer, target.value, this.references + 1);
    return this.counted({ $ref: `#/$defs/${name}` });
  }

  // Clients' validators look for names in prototypes as well: what every object has is never promised.
  private properties(schema: Record<string, unknown>, depth: number): Schema {
    const map = memberOf(schema, 'properties');
    if (!isObject(map) || depth + 2 > this.detail.maxDepth || this.isWide(map)) return {};
    const properties: Schema = {};
    for (const [name, property] of Object.entries(map)) {
      if (this.isOverBudget) break;
      if (name in Object.prototype || this.isWriteOnly(property)) continue;
      this.bytes += name.length + PUNCTUATION;
      properties[name] = this.translate(property, depth + 2);
    }
    return { properties };
  }

  private items(schema: Record<string, unknown>, depth: number): Schema {
    const items = this.translate(memberOf(schema, 'items'), depth + 1);
    return Object.keys(items).length > 0 ? { items } : {};
  }

  // `oneOf` is none any more once its alternatives are this loose. One that takes anything makes all of them needless.
  private choices(schema: Record<string, unknown>, depth: number): Schema {
    const choices = [...this.list(schema, 'anyOf', depth), ...this.list(schema, 'oneOf', depth)];
    const isOpen = choices.length > MAX_CHOICES || choices.some((choice) => !isTelling(choice));
    return choices.length === 0 || isOpen ? {} : { anyOf: choices };
  }

  private list(schema: Record<string, unknown>, keyword: string, depth: number): Schema[] {
    if (depth + 2 > this.detail.maxDepth) return [];
    return listOf(schema, keyword)
      .slice(0, MAX_CHOICES + 1)
      .map((part) => this.translate(part, depth + 2));
  }

  private isWide(map: object): boolean {
    if (this.wide.has(map)) return true;
    if (Object.keys(map).length <= MAX_PROPERTIES) return false;
    this.wide.add(map);
    return true;
  }

  private isWriteOnly(schema: unknown): boolean {
    if (memberOf(schema, 'writeOnly') === true) return true;
    return memberOf(schema, '$ref') !== undefined && memberOf(this.targetOf(schema), 'writeOnly') === true;
  }

  private targetOf(schema: unknown): unknown {
    return followed(() => dereference(this.document, schema));
  }

  private counted(part: Schema): Schema {
    this.bytes += JSON.stringify(part).length;
    return part;
  }
}

const isTelling = (schema: Schema): boolean => Object.keys(schema).some((keyword) => keyword !== 'description');

function followed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
