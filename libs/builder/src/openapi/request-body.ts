import { type Fault, isObject } from '#kernel';
import { type FileArgument, readFile } from './file-argument.js';
import { isJsonType } from './media-type.js';
import { type FormPart, multipart } from './multipart.js';
import type { BodyProperty, OpenApiOperation, OperationBody } from './openapi-operation.js';
import { deepPairs, joined, partsOf, styleFault, styledPairs, textOfValue } from './parameter-style.js';

export interface RequestBody {
  readonly contentType: string;
  readonly content: string | Buffer;
}

type Arguments = Readonly<Record<string, unknown>>;

/**
 * Puts the body together from the arguments. Absent ones are left out, `null` is sent where the type can say it.
 *
 * @param faults where arguments that the media type cannot express are added
 * @returns undefined if there is no body to send
 */
export function buildBody(operation: OpenApiOperation, given: Arguments, faults: Fault[]): RequestBody | undefined {
  const { body } = operation;
  if (!body) return undefined;
  if (body.argument !== undefined) {
    const value = given[body.argument];
    return value === undefined ? undefined : whole(body, { argument: body.argument, value }, faults);
  }
  const fields = [...(body.properties ?? []), ...additional(operation, given)].filter(
    ({ argument }) => given[argument] !== undefined,
  );
  if (fields.length === 0 && !body.required) return undefined;
  return ofFields(body, { fields, given }, faults);
}

interface Fields {
  readonly fields: readonly BodyProperty[];
  readonly given: Arguments;
}

function ofFields({ kind, contentType }: OperationBody, { fields, given }: Fields, faults: Fault[]): RequestBody {
  if (kind === 'multipart') return multipart(formParts(fields, given, faults));
  const content = kind === 'form' ? form(fields, given, faults) : JSON.stringify(object(fields, given));
  return { contentType, content };
}

function whole(
  body: OperationBody,
  { argument, value }: { argument: string; value: unknown },
  faults: Fault[],
): RequestBody | undefined {
  const { kind, contentType } = body;
  const fault = (message: string): undefined => void faults.push({ path: argument, message });
  if (kind === 'json') return { contentType, content: JSON.stringify(value) };
  if (kind === 'binary') {
    const file = readFile(value);
    return typeof file === 'string' ? fault(file) : bytes(contentType, file);
  }
  if (kind === 'text') {
    if (typeof value === 'object') return fault('must be text');
    const isUnicode = /charset/i.test(contentType);
    return { contentType: isUnicode ? contentType : `${contentType};charset=utf-8`, content: textOfValue(value) };
  }
  if (!isObject(value)) return fault('must be an object with the fields of a form');
  const fields = Object.keys(value).map((name) => ({ argument: name, name }));
  return ofFields(body, { fields, given: value }, faults);
}

function bytes(contentType: string, { content, mimeType }: FileArgument): RequestBody {
  if (!contentType.includes('*')) return { contentType, content };
  const isInRange = mimeType?.startsWith(contentType.slice(0, contentType.indexOf('*'))) ?? false;
  return { contentType: isInRange && mimeType !== undefined ? mimeType : BYTES, content };
}

const BYTES = 'application/octet-stream';

function additional({ parameters, body }: OpenApiOperation, given: Arguments): BodyProperty[] {
  if (!body?.additional) return [];
  const known = new Set([...parameters, ...(body.properties ?? [])].map(({ argument }) => argument));
  return Object.keys(given).flatMap((name) => (known.has(name) ? [] : [{ argument: name, name }]));
}

function object(fields: readonly BodyProperty[], given: Arguments): object {
  // Without a prototype every name is an ordinary key.
  const object = Object.create(null) as Record<string, unknown>;
  for (const { argument, name } of fields) object[name] = given[argument];
  return object;
}

// Lists repeat the name and objects are JSON unless the document gives a style (OpenAPI 3.1.1, 4.8.15.1).
function form(fields: readonly BodyProperty[], given: Arguments, faults: Fault[]): string {
  const pairs = fields.flatMap(({ argument, name, style, explode }) => {
    const value = given[argument];
    if (value === null) return [];
    try {
      const isJson = style === undefined && typeof value === 'object' && !Array.isArray(value);
      return styledPairs(
        { name, style: style ?? 'form', explode: explode ?? true },
        isJson ? JSON.stringify(value) : value,
      );
    } catch (error) {
      faults.push({ path: argument, message: styleFault(error) });
      return [];
    }
  });
  return pairs.join('&');
}

// A part for each element of a list, JSON for what is no scalar (OpenAPI 3.1.1, 4.8.15.2).
function formParts(fields: readonly BodyProperty[], given: Arguments, faults: Fault[]): FormPart[] {
  return fields.flatMap((field) => {
    const value = given[field.argument];
    if (field.style === 'deepObject' && isObjectOrList(value) && !field.file) return deepParts(field, value, faults);
    const isJoined = Array.isArray(value) && field.explode === false && field.file === undefined;
    const parts = isJoined ? partsOf(value) : [];
    const values = parts.length > 0 ? [joined(parts, field.style)] : isJoined ? [] : [value].flat();
    return values
      .filter((member) => member !== null && member !== undefined)
      .flatMap((member) => (field.file ? filePart(field, member, faults) : [textPart(field, member)]));
  });
}

const isObjectOrList = (value: unknown): boolean => typeof value === 'object' && value !== null;

function deepParts({ name, argument }: BodyProperty, value: unknown, faults: Fault[]): FormPart[] {
  try {
    return deepPairs(name, value).map(([part, content]) => ({ name: part, content }));
  } catch (error) {
    faults.push({ path: argument, message: styleFault(error) });
    return [];
  }
}

function textPart({ name, contentType }: BodyProperty, value: unknown): FormPart {
  const type = contentType ?? (typeof value === 'object' ? 'application/json' : undefined);
  const isJson = isJsonType(type);
  const content = isJson ? JSON.stringify(value) : textOfValue(value);
  return { name, content, ...(type !== undefined && { contentType: type }) };
}

function filePart({ name, argument, contentType }: BodyProperty, value: unknown, faults: Fault[]): FormPart[] {
  const file = readFile(value);
  if (typeof file === 'string') {
    faults.push({ path: argument, message: file });
    return [];
  }
  // Servers take a part without a file's name for a field of text.
  const { content, filename = name, mimeType } = file;
  return [{ name, content, filename, contentType: mimeType ?? contentType ?? BYTES }];
}
