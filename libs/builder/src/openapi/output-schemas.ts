import { type Json, type JsonObject, isObject } from '#kernel';
import { conforms } from './conforming.js';
import { declaredAnswer } from './declared-answer.js';
import { listOf, memberOf, textOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { type OutputDetail, OutputTranslator } from './output-translator.js';
import { dereference } from './reference.js';

/** What the schemas of answers may be at most. They are read by clients with every list of tools. */
export const OUTPUT_LIMITS = { maxBytes: 6 * 1024, maxBytesOfAll: 8 * 1024 * 1024 };

/** Bytes made for one document, with what was thrown away again. */
const MAX_WORK = 16 * 1024 * 1024;
/** Steps from a schema to what it is of. */
const MAX_STEPS = 50;

// From everything to the outermost names; the first that fits is taken. Descriptions stay where they are few, and the
// names of an object with a hundred of them still fit.
const DETAILS: readonly OutputDetail[] = [
  { maxDepth: 32, maxReferences: 32, texts: true, maxBytes: 2 * 1024 },
  { maxDepth: 32, maxReferences: 32, texts: false, maxBytes: 4 * 1024 },
  { maxDepth: 12, maxReferences: 2, texts: false, maxBytes: 4 * 1024 },
  { maxDepth: 6, maxReferences: 1, texts: false, maxBytes: OUTPUT_LIMITS.maxBytes },
  { maxDepth: 5, maxReferences: 0, texts: false, maxBytes: OUTPUT_LIMITS.maxBytes },
];

/** What is known of the answers of an operation. */
export interface CompiledOutput {
  readonly outputSchema?: JsonObject;
  readonly answerType?: string;
  /** There was a schema, and it is too large to be told. */
  readonly isTooLarge?: true;
}

/** The answers of one document's operations, one after another, within bounds for all of them. */
export class OutputSchemas {
  private kept = 0;
  private work = 0;
  private readonly wide = new WeakSet<object>();
  private readonly known = new Map<unknown, Made | undefined>();

  constructor(private readonly document: OpenApiDocument) {}

  /** What an operation answers if all goes well. Never throws: what cannot be understood is not promised. */
  of(operation: unknown): CompiledOutput {
    const { schema, type } = declaredAnswer(this.document, operation);
    const told = type ? { answerType: type } : {};
    const root = schema === undefined ? undefined : this.rootOf(schema);
    if (!root) return told;
    const made = this.made(root);
    if (!made) return { ...told, isTooLarge: true };
    return made.schema ? { ...told, outputSchema: made.schema } : told;
  }

  /** Many operations answer with one schema, which is made once. */
  private made(root: Root): Made | undefined {
    const isFull = this.kept > OUTPUT_LIMITS.maxBytesOfAll || this.work > MAX_WORK;
    if (isFull) return undefined;
    const key = this.followed(root.schema);
    if (!this.known.has(key)) this.known.set(key, this.fitting(root));
    const made = this.known.get(key);
    this.kept += made?.bytes ?? 0;
    return made;
  }

  private fitting(root: Root): Made | undefined {
    for (const detail of DETAILS) {
      const translator = new OutputTranslator(this.document, detail, this.wide);
      const schema = outputObject(translator, root);
      this.work += translator.bytes;
      if (!isTelling(schema)) return { bytes: 0 };
      const bytes = translator.isOverBudget ? Infinity : Buffer.byteLength(JSON.stringify(schema));
      if (bytes > detail.maxBytes) continue;
      // Whatever is answered can be told in an object that has none of its names.
      return conforms(schema, {}) ? { schema, bytes } : { bytes: 0 };
    }
    return undefined;
  }

  /** Undefined for what may be anything. */
  private rootOf(schema: unknown): Root | undefined {
    const kind = this.kindOf(schema, { steps: 0 });
    if (kind === undefined) return undefined;
    return kind === 'object' ? { schema: this.followed(schema), isObject: true } : { schema, isObject: false };
  }

  private kindOf(given: unknown, count: { steps: number }): Kind | undefined {
    const schema = this.followed(given);
    if (++count.steps > MAX_STEPS || !isObject(schema)) return undefined;
    const types = [schema['type']].flat().filter((type) => type !== undefined && type !== 'null');
    if (types.length > 0) {
      if (types.every((type) => type === 'object')) return 'object';
      return types.includes('object') ? undefined : 'other';
    }
    if (isObject(memberOf(schema, 'properties'))) return 'object';
    if (isObject(memberOf(schema, 'items'))) return 'other';
    const ref = textOf(schema, '$ref');
    const parts = [...(ref === undefined ? [] : [{ $ref: ref }]), ...listOf(schema, 'allOf')];
    const kindOfAll = parts.map((part) => this.kindOf(part, count)).find(Boolean);
    if (kindOfAll) return kindOfAll;
    const choices = [...listOf(schema, 'anyOf'), ...listOf(schema, 'oneOf')];
    const [first, ...rest] = choices.map((choice) => this.kindOf(choice, count));
    return rest.every((kind) => kind === first) ? first : undefined;
  }

  // Since 3.1 a reference may have more beside it, and then stays where it is.
  private followed(schema: unknown): unknown {
    const isMixed = this.document.version !== '3.0' && isObject(schema) && Object.keys(schema).length > 1;
    if (textOf(schema, '$ref') === undefined || isMixed) return schema;
    try {
      return dereference(this.document, schema);
    } catch {
      return undefined;
    }
  }
}

type Kind = 'object' | 'other';

interface Made {
  /** Absent where nothing can be promised. */
  readonly schema?: JsonObject;
  readonly bytes: number;
}

interface Root {
  readonly schema: unknown;
  /** Otherwise the answer stands under `result`. */
  readonly isObject: boolean;
}

// MCP wants `type: object` at the root, and nothing beside it that an object of another kind would fail.
function outputObject(translator: OutputTranslator, { schema, isObject: isWhole }: Root): JsonObject {
  const { type: _type, ...root }: Record<string, Json> = isWhole
    ? translator.translate(schema, 0)
    : { properties: { result: translator.translate(schema, RESULT_DEPTH) } };
  const definitions = translator.definitions();
  return { type: 'object', ...root, ...(Object.keys(definitions).length > 0 && { $defs: definitions }) };
}

/** The root, and its `properties`. */
const RESULT_DEPTH = 2;

const isTelling = (schema: JsonObject): boolean =>
  Object.keys(schema).some((keyword) => keyword !== 'type' && keyword !== 'description');
