import type { Fault } from '#kernel';
import type { BodyProperty, OpenApiOperation, OperationBody } from './openapi-operation.js';
import { styleFault, styledPairs, textOfValue } from './parameter-style.js';

export interface RequestBody {
  readonly contentType: string;
  readonly text: string;
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
  const text = body.kind === 'form' ? form(fields, given, faults) : JSON.stringify(object(fields, given));
  return { contentType: body.contentType, text };
}

function whole(
  { kind, contentType }: OperationBody,
  { argument, value }: { argument: string; value: unknown },
  faults: Fault[],
) {
  if (kind === 'json') return { contentType, text: JSON.stringify(value) };
  if (typeof value === 'object') faults.push({ path: argument, message: 'must be text' });
  const isUnicode = /charset/i.test(contentType);
  return { contentType: isUnicode ? contentType : `${contentType};charset=utf-8`, text: textOfValue(value) };
}

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
