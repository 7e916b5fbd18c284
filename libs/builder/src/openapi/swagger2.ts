import { type Json, type JsonObject, isObject } from '#kernel';
import { entriesOf, listOf, memberOf, objectOf, textOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import { dereference } from './reference.js';

/**
 * Turns Swagger 2.0 into OpenAPI 3.0 as far as tools need it: parameters get a `schema` and a `style`, body and form
 * parameters become a `requestBody`, responses a `content`. `definitions` and the other places that references point
 * at stay where they are, so no reference has to be rewritten. Pure; what cannot be expressed is left in place and
 * makes its operation be skipped later.
 */
export function convertSwagger2(source: JsonObject): JsonObject {
  const paths: Record<string, Json> = {};
  for (const [path, item] of entriesOf(source, 'paths')) paths[path] = convertPathItem(source, item);
  return { ...source, openapi: '3.0.3', paths };
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

function convertPathItem(source: JsonObject, item: unknown): Json {
  if (!isObject(item)) return {};
  const converted = { ...item } as Record<string, Json>;
  // Those of the path item go down into each operation: a body parameter may be among them.
  delete converted.parameters;
  const shared = inlined(source, listOf(item, 'parameters'));
  for (const method of METHODS) {
    const operation = objectOf(item, method);
    if (operation) converted[method] = convertOperation(source, operation as JsonObject, shared);
  }
  return converted;
}

function convertOperation(source: JsonObject, operation: JsonObject, shared: readonly Json[]): Json {
  const own = inlined(source, listOf(operation, 'parameters'));
  // Names become keys below, and that one would replace the prototype.
  const parameters = overridden(shared, own).filter((parameter) => textOf(parameter, 'name') !== '__proto__');
  const consumes = mediaTypes(operation, source, 'consumes');
  const requestBody = convertBody(parameters, consumes);
  return {
    ...operation,
    parameters: parameters.filter((parameter) => !isBodyPart(parameter)).map(convertParameter),
    ...(requestBody && { requestBody }),
    responses: convertResponses(source, operation),
  };
}

// References that cannot be followed stay, so that the operation is skipped with their reason.
function inlined(source: JsonObject, parameters: readonly unknown[]): Json[] {
  const document: OpenApiDocument = { version: '3.0', title: '', root: source };
  return parameters.map((parameter) => {
    try {
      return dereference(document, parameter) as Json;
    } catch {
      return parameter as Json;
    }
  });
}

function overridden(shared: readonly Json[], own: readonly Json[]): Json[] {
  const key = (parameter: Json): string => `${textOf(parameter, 'in')}:${textOf(parameter, 'name')}`;
  const replaced = new Set(own.map(key));
  return [...shared.filter((parameter) => !replaced.has(key(parameter))), ...own];
}

const isBodyPart = (parameter: unknown): boolean => ['body', 'formData'].includes(textOf(parameter, 'in') ?? '');

function mediaTypes(operation: JsonObject, source: JsonObject, key: 'consumes' | 'produces'): string[] {
  const list = Array.isArray(operation[key]) ? listOf(operation, key) : listOf(source, key);
  return list.filter((type) => typeof type === 'string');
}

// Everything that describes the value rather than the parameter, as Swagger 2.0 lists it for parameters and items.
const ABOUT_PARAMETER = ['name', 'in', 'description', 'required', 'collectionFormat', 'allowEmptyValue', 'schema'];

function schemaOf(parameter: JsonObject): JsonObject {
  const schema = Object.entries(parameter).filter(([key]) => !ABOUT_PARAMETER.includes(key));
  return { ...Object.fromEntries(schema), ...(parameter.type === 'file' && { type: 'string', format: 'binary' }) };
}

function convertParameter(parameter: Json): Json {
  if (!isObject(parameter) || parameter.$ref !== undefined) return parameter;
  const { name = '', in: location = '', description = '', required = false } = parameter;
  const style = styleOf(parameter, location as string);
  return { name, in: location, description, required, schema: schemaOf(parameter), ...style };
}

/**
 * How its list is written. Spaces and pipes are kept in paths and headers too, where OpenAPI 3 has none. `tsv` has no
 * counterpart; it becomes a style that nothing supports.
 */
function styleOf(parameter: JsonObject, location: string): { style?: string; explode?: boolean } {
  const format = memberOf(parameter, 'type') === 'array' ? textOf(parameter, 'collectionFormat') : undefined;
  const delimited = format === undefined ? undefined : DELIMITED.get(format);
  if (delimited) return { style: delimited, explode: false };
  // Names that repeat are for pairs.
  if (location === 'path' || location === 'header') return {};
  return { style: 'form', explode: format === 'multi' };
}

const DELIMITED = new Map([
  ['ssv', 'spaceDelimited'],
  ['pipes', 'pipeDelimited'],
  ['tsv', 'tabDelimited'],
]);

const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data';

function convertBody(parameters: readonly Json[], consumes: readonly string[]): JsonObject | undefined {
  const body = parameters.find((parameter) => textOf(parameter, 'in') === 'body');
  if (isObject(body)) {
    const types = consumes.length > 0 ? consumes : ['application/json'];
    const content = Object.fromEntries(types.map((type) => [type, { schema: body.schema ?? {} }]));
    return { description: textOf(body, 'description') ?? '', required: body.required === true, content };
  }
  const fields = parameters.filter((parameter) => isBodyPart(parameter)) as JsonObject[];
  return fields.length > 0 ? formBody(fields, consumes) : undefined;
}

function formBody(fields: readonly JsonObject[], consumes: readonly string[]): JsonObject {
  const properties: Record<string, Json> = {};
  const encoding: Record<string, Json> = {};
  const required: string[] = [];
  for (const field of fields) {
    const name = textOf(field, 'name') ?? '';
    properties[name] = { ...schemaOf(field), description: textOf(field, 'description') ?? '' };
    encoding[name] = styleOf(field, 'formData');
    if (field.required === true) required.push(name);
  }
  const isUpload =
    fields.some(({ type }) => type === 'file') || (consumes.includes(MULTIPART) && !consumes.includes(FORM));
  const media: JsonObject = { schema: { type: 'object', properties, required }, encoding };
  return { required: required.length > 0, content: { [isUpload ? MULTIPART : FORM]: media } };
}

function convertResponses(source: JsonObject, operation: JsonObject): JsonObject {
  const responses: Record<string, Json> = {};
  for (const [status, raw] of entriesOf(operation, 'responses')) {
    const [response = {}] = inlined(source, [raw]);
    const schema = memberOf(response, 'schema') as Json | undefined;
    const types = mediaTypes(operation, source, 'produces');
    const content = schema === undefined ? {} : { [types[0] ?? 'application/json']: { schema } };
    responses[status] = { description: textOf(response, 'description') ?? '', content };
  }
  return responses;
}
