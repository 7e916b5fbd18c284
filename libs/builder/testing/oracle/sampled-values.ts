import Oas from 'oas';
import type { PlacedValues } from './request-oracle.js';

type Schema = Readonly<Record<string, unknown>>;
interface Parameter {
  readonly name: string;
  readonly in: keyof Omit<PlacedValues, 'body'>;
  readonly schema?: Schema;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}
interface Operation {
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> };
}

/** Where an operation stands in its document, and values for everything that it takes. */
export interface SampledOperation {
  /** In capital letters. */
  readonly method: string;
  readonly path: string;
  readonly values: PlacedValues;
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const;
const TEXTS = ['plain', 'two words', 'ü&=+', "it's 100%", 'a,b;c', '~x.y-z_'];
const MAX_DEPTH = 3;
const MAX_OPTIONAL = 3;

/**
 * Operations of a document with values for all of their parameters, so that each kind that the document has comes
 * once before any comes twice: kinds are told apart by method, places and body.
 */
export async function sampledOperations(document: object, count: number): Promise<SampledOperation[]> {
  const oas = new Oas(document as ConstructorParameters<typeof Oas>[0]);
  await oas.dereference();
  const byKind = new Map<string, SampledOperation[]>();
  for (const path of Object.keys(oas.getDefinition().paths ?? {})) {
    for (const method of METHODS) {
      if (!oas.getDefinition().paths?.[path]?.[method]) continue;
      const operation = oas.operation(path, method);
      const parameters = operation.getParameters() as unknown as Parameter[];
      const { requestBody: told } = operation.schema as Operation;
      const requestBody = behindReference(told, oas.getDefinition());
      const [type = ''] = Object.keys(requestBody?.content ?? {});
      const media = requestBody?.content?.[type]?.schema;
      const kind = `${method} ${[...new Set(parameters.map((one) => one.in))].sort().join()} ${type}`;
      const known = byKind.get(kind) ?? [];
      const values = sampled(parameters, {
        body: isEmptyForm(type, media) ? undefined : media,
        turn: known.length,
        root: oas.getDefinition(),
      });
      byKind.set(kind, [...known, { method: method.toUpperCase(), path, values }]);
    }
  }
  const rounds = Math.max(...[...byKind.values()].map(({ length }) => length));
  const inTurn = Array.from({ length: rounds }, (_, round) => [...byKind.values()].map((all) => all[round])).flat();
  return inTurn.filter((one) => one !== undefined).slice(0, count);
}

// It has nothing to send.
const isEmptyForm = (type: string, schema: Schema | undefined): boolean =>
  /form/.test(type) && Object.keys(schema?.['properties'] ?? {}).length === 0;

function sampled(
  parameters: readonly Parameter[],
  { body, turn, root }: { body: Schema | undefined; turn: number; root: object },
): PlacedValues {
  const values: Record<string, Record<string, unknown>> = { path: {}, query: {}, header: {}, cookie: {} };
  for (const [at, parameter] of parameters.entries()) {
    const schema = parameter.schema ?? Object.values(parameter.content ?? {})[0]?.schema ?? {};
    values[parameter.in]![parameter.name] = valueOf(schema, { depth: 1, turn: turn + at, place: parameter.in, root });
  }
  const given = body && valueOf(body, { depth: 0, turn, place: 'body', root });
  return { ...values, ...(given !== undefined && { body: given }) } as unknown as PlacedValues;
}

interface Where {
  readonly depth: number;
  readonly turn: number;
  readonly place: string;
  readonly root: object;
}

/** What a reference that was left in a circle stands for. */
export const behindReference = <T extends object>(value: T | undefined, root: object): T | undefined => {
  const { $ref } = (value ?? {}) as { readonly $ref?: string };
  return $ref === undefined ? value : (behind($ref, root) as T);
};

const behind = (reference: string, root: object): Schema =>
  reference
    .split('/')
    .slice(1)
    .reduce<object>((inner, key) => (inner as Record<string, object>)[key] ?? {}, root) as Schema;

function valueOf(schema: Schema, where: Where): unknown {
  const { depth, turn, place } = where;
  if (depth > MAX_DEPTH) return undefined;
  // Circles of references are left.
  if (typeof schema['$ref'] === 'string')
    return valueOf(behind(schema['$ref'], where.root), { ...where, depth: depth + 1 });
  if (Array.isArray(schema['enum'])) return (schema['enum'] as unknown[]).find((one) => one !== null && one !== '');
  const alternatives = (schema['oneOf'] ?? schema['anyOf']) as readonly Schema[] | undefined;
  if (alternatives?.[0] && !schema['properties']) return valueOf(alternatives[0], where);
  const parts = [schema, ...((schema['allOf'] ?? []) as Schema[])];
  const type = [parts.map((part) => part['type']).find(Boolean)].flat().find((one) => one !== 'null');
  if (type === 'integer' || type === 'number') return turn + 1;
  if (type === 'boolean') return turn % 2 === 0;
  if (type === 'array') {
    const items = [0, 1].map((at) =>
      valueOf((schema['items'] ?? {}) as Schema, { ...where, depth: depth + 1, turn: turn + at }),
    );
    return items.filter((item) => item !== undefined);
  }
  const isObject = type === 'object' || parts.some((part) => part['properties']);
  if (isObject) return objectOf(parts, where);
  if (schema['format'] === 'binary') return 'data:text/plain;name=a.txt;base64,aGVsbG8=';
  const text = TEXTS[turn % TEXTS.length]!;
  // A header is told no more than what every server reads alike.
  return place === 'header' ? 'plain' : text;
}

function objectOf(parts: readonly Schema[], where: Where): Record<string, unknown> {
  const required = new Set(parts.flatMap((part) => (part['required'] ?? []) as string[]));
  const properties = Object.entries(Object.assign({}, ...parts.map((part) => part['properties'] ?? {})) as object);
  const optional = properties.filter(([name]) => !required.has(name)).slice(0, MAX_OPTIONAL);
  const chosen = [...properties.filter(([name]) => required.has(name)), ...optional];
  const members = chosen
    .filter(([, schema]) => (schema as Schema)['readOnly'] !== true)
    .map(([name, schema], at) => [
      name,
      valueOf(schema as Schema, { ...where, depth: where.depth + 1, turn: where.turn + at }),
    ])
    .filter(([, value]) => value !== undefined);
  // Any object will do where none of its members is told, or can be.
  return members.length > 0 ? (Object.fromEntries(members) as Record<string, unknown>) : { any: 'thing' };
}
