import { type Json, type JsonObject, isObject } from '#kernel';
import type { DeclaredBody } from './declared-body.js';
import type { DeclaredParameter } from './declared-parameters.js';
import { fileSchema } from './file-argument.js';
import { memberOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { type BodyProperty, INPUT_LIMITS, type OperationBody, type OperationParameter } from './openapi-operation.js';
import { UnsupportedOperationError } from './openapi.errors.js';
import { plainText } from './plain-text.js';
import { isReadOnly } from './read-only.js';
import type { SchemaBudget } from './schema-budget.js';
import { type SchemaDetail, SchemaTranslator } from './schema-translator.js';

export interface CompiledInput {
  readonly inputSchema: JsonObject;
  readonly parameters: readonly OperationParameter[];
  readonly body?: OperationBody;
  /** Whether schemas were cut for their size. */
  readonly isSimplified: boolean;
}

// From everything to hardly more than names; the first that fits is taken.
const DETAILS: readonly SchemaDetail[] = [
  { maxDepth: INPUT_LIMITS.maxDepth, maxReferences: 32, texts: true, maxBytes: INPUT_LIMITS.maxBytes },
  { maxDepth: INPUT_LIMITS.maxDepth, maxReferences: 32, texts: false, maxBytes: INPUT_LIMITS.maxBytes },
  { maxDepth: 12, maxReferences: 2, texts: false, maxBytes: INPUT_LIMITS.maxBytes },
  { maxDepth: 5, maxReferences: 0, texts: false, maxBytes: INPUT_LIMITS.maxBytes },
];

/**
 * One object of arguments for everything that an operation takes: parameters of all places and the members of an
 * object body side by side.
 *
 * @param budget of the document; detail is left out from the start once it is tight
 * @throws UnsupportedOperationError for references that cannot be followed, and if even the names are too much
 */
export function compileInput(
  document: OpenApiDocument,
  declared: { parameters: readonly DeclaredParameter[]; body: DeclaredBody | undefined },
  budget: SchemaBudget,
): CompiledInput {
  const { parameters, body } = named(document, declared.parameters, declared.body);
  const count = parameters.length + (body?.properties?.length ?? 0);
  if (count > INPUT_LIMITS.maxArguments) throw new UnsupportedOperationError(`it takes ${count} arguments`);

  budget.spendOnMembers(count);
  const firstLevel = budget.isTight ? DETAILS.length - 1 : 0;
  for (const [level, detail] of DETAILS.entries()) {
    if (level < firstLevel) continue;
    const translator = new SchemaTranslator(document, detail);
    const inputSchema = spending(budget, translator, () => inputObject(translator, declared, { parameters, body }));
    // The exact size is worth knowing only for what the estimate lets pass.
    const bytes = translator.isOverBudget ? Infinity : Buffer.byteLength(JSON.stringify(inputSchema));
    if (bytes > INPUT_LIMITS.maxBytes) continue;
    budget.spend(Math.max(0, bytes - translator.bytes));
    return { inputSchema, parameters, ...(body && { body }), isSimplified: level > 0 || translator.isSimplified };
  }
  throw new UnsupportedOperationError(`its arguments cannot be described in ${INPUT_LIMITS.maxBytes} bytes`);
}

function spending<T>(budget: SchemaBudget, translator: SchemaTranslator, work: () => T): T {
  try {
    return work();
  } finally {
    budget.spend(translator.bytes);
  }
}

interface Named {
  readonly parameters: readonly OperationParameter[];
  readonly body: OperationBody | undefined;
}

function named(
  document: OpenApiDocument,
  parameters: readonly DeclaredParameter[],
  body: DeclaredBody | undefined,
): Named {
  const fields = [...(body?.fields?.properties ?? [])].filter(([, schema]) => !isReadOnly(document, schema));
  const taken = new Set(body ? (body.fields ? fields.map(([name]) => name) : ['body']) : []);
  return {
    parameters: parameters.map((parameter) => {
      const argument = freeName(taken, parameter);
      taken.add(argument);
      const { schema: _schema, description: _description, keywords: _keywords, ...rest } = parameter;
      return { argument, ...rest };
    }),
    body: body && {
      contentType: body.contentType,
      kind: body.kind,
      required: body.required,
      additional: body.fields?.additional ?? false,
      ...(body.fields ? { properties: fields.map(([name]) => property(name, body)) } : { argument: 'body' }),
    },
  };
}

function property(name: string, { styles, parts }: DeclaredBody): BodyProperty {
  const { file, contentType } = parts?.get(name) ?? {};
  return {
    argument: name,
    name,
    ...styles.get(name),
    ...(file && { file: true }),
    ...(contentType && { contentType }),
  };
}

function freeName(taken: ReadonlySet<string>, { name, in: location }: DeclaredParameter): string {
  if (!taken.has(name)) return name;
  const placed = `${name}__${location}`;
  let free = placed;
  for (let count = 2; taken.has(free); count++) free = `${placed}_${count}`;
  return free;
}

/** JSON levels above the schema of an argument: the root and its `properties`. */
const ARGUMENT_DEPTH = 3;
const MAX_DESCRIPTION_BYTES = 1024;

function inputObject(
  translator: SchemaTranslator,
  declared: { parameters: readonly DeclaredParameter[]; body: DeclaredBody | undefined },
  { parameters, body }: Named,
): JsonObject {
  const properties: Record<string, Json> = {};
  const required: string[] = [];
  for (const [index, { argument, required: isRequired }] of parameters.entries()) {
    const { schema, description, keywords } = declared.parameters[index] as DeclaredParameter;
    const translated = described(translator.translate(schema, ARGUMENT_DEPTH), description);
    properties[argument] = isObject(translated) ? { ...keywords, ...translated } : translated;
    if (isRequired) required.push(argument);
  }
  for (const { argument, name } of body?.properties ?? []) {
    const schema = translator.translate(declared.body?.fields?.properties.get(name), ARGUMENT_DEPTH);
    properties[argument] = asPart(schema, declared.body?.parts?.get(name)?.file);
    if (body?.required && declared.body?.fields?.required.has(name)) required.push(argument);
  }
  if (body?.argument !== undefined) {
    const schema = translator.translate(declared.body?.schema, ARGUMENT_DEPTH);
    const text = declared.body?.description ?? '';
    properties[body.argument] = described(body.kind === 'binary' ? asPart({}, 'one') : schema, text);
    if (body.required) required.push(body.argument);
  }
  const definitions = translator.definitions();
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: body?.additional ?? false,
    ...(Object.keys(definitions).length > 0 && { $defs: definitions }),
  };
}

function asPart(schema: Json, file: 'one' | 'many' | undefined): Json {
  if (!file) return schema;
  const text = memberOf(schema, 'description');
  const description = typeof text === 'string' ? text : '';
  if (file === 'one') return fileSchema(description);
  return { type: 'array', ...(description && { description }), items: fileSchema('') };
}

function described(schema: Json, text: string): Json {
  const description = plainText(text, MAX_DESCRIPTION_BYTES);
  if (!description || typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema;
  return memberOf(schema, 'description') === undefined ? { ...schema, description } : schema;
}
