import { isObject } from '#kernel';
import { listOf, memberOf, objectOf, textOf } from './json-reader.js';
import type { OpenApiOperation, OpenApiResource, OperationParameter, ResourceVariable } from './openapi-operation.js';
import { UnsupportedOperationError } from './openapi.errors.js';
import type { RouteKind } from './route-rules.js';

export type ResourceKind = Extract<RouteKind, 'RESOURCE' | 'RESOURCE_TEMPLATE'>;

/**
 * Makes a resource of an operation. Parameters of the path and the query are variables of a template; a resource that
 * is none takes no parameter. A template without variables is a resource.
 *
 * @param notes told of what is left out
 * @throws UnsupportedOperationError if it cannot be read by a URI alone
 */
export function compileResource(operation: OpenApiOperation, kind: ResourceKind, notes: string[]): OpenApiResource {
  if (operation.method !== 'GET') throw refused(kind, 'only GET operations can be read');
  const placed = kind === 'RESOURCE' ? [] : operation.parameters.filter((parameter) => isPlain(operation, parameter));
  const rest = operation.parameters.filter((parameter) => !placed.includes(parameter));
  const missing = rest.find(({ required }) => required);
  if (missing) {
    const remedy = isPlaced(missing) && kind === 'RESOURCE' ? '; RESOURCE_TEMPLATE takes it' : '';
    throw refused(kind, `it takes the required parameter "${missing.name}"${remedy}`);
  }
  if (rest.length > 0) notes.push(`left out in its URI: ${rest.map(({ name }) => name).join(', ')}`);

  const variables = named(operation, placed);
  const { outputSchema: _output, inputSchema, ...kept } = operation;
  const taken = new Set(variables.map(({ argument }) => argument));
  const required = listOf(inputSchema, 'required').filter((argument): argument is string =>
    taken.has(String(argument)),
  );
  return {
    path: `/${kept.name}${templateOf(variables)}`,
    isTemplate: variables.length > 0,
    variables,
    ...(kept.answerType && { mimeType: kept.answerType }),
    operation: { ...kept, inputSchema: { type: 'object', required } },
  };
}

const WORDS = { RESOURCE: 'resource', RESOURCE_TEMPLATE: 'resource template' } as const;

const refused = (kind: ResourceKind, why: string): UnsupportedOperationError =>
  new UnsupportedOperationError(`open_api.custom_routes makes it a ${WORDS[kind]}, and ${why}`);

const isPlaced = ({ in: location }: OperationParameter): boolean => location === 'path' || location === 'query';

/** Whether a text, or a list of them, says what there is to say. */
function isPlain(operation: OpenApiOperation, parameter: OperationParameter): boolean {
  return isPlaced(parameter) && parameter.style !== 'deepObject' && !hasType(operation, parameter, 'object');
}

function hasType({ inputSchema }: OpenApiOperation, { argument }: OperationParameter, wanted: string): boolean {
  const schema = memberOf(inputSchema.properties, argument);
  const [, name] = /^#\/\$defs\/(.+)$/.exec(textOf(schema, '$ref') ?? '') ?? [];
  const target = name === undefined ? schema : objectOf(inputSchema.$defs, name);
  return isObject(target) && [target['type']].flat().includes(wanted);
}

// In the order of the path, and then of the document. What is written there are the names of RFC 6570, 2.3.
function named(operation: OpenApiOperation, placed: readonly OperationParameter[]): ResourceVariable[] {
  const at = ({ name }: OperationParameter): number => operation.path.indexOf(`{${name}}`);
  const inPath = placed.filter((parameter) => parameter.in === 'path').sort((a, b) => at(a) - at(b));
  const taken = new Set<string>();
  return [...inPath, ...placed.filter((parameter) => parameter.in === 'query')].map((parameter) => {
    const base = parameter.name.replace(/[^A-Za-z0-9_]+/g, '_').slice(0, 64) || '_';
    let name = base;
    for (let count = 2; taken.has(name); count++) name = `${base}_${count}`;
    taken.add(name);
    const isList = hasType(operation, parameter, 'array');
    const location = parameter.in as ResourceVariable['in'];
    return { name, argument: parameter.argument, in: location, ...(isList && { isList: true as const }) };
  });
}

function templateOf(variables: readonly ResourceVariable[]): string {
  const inPath = variables.filter(({ in: location }) => location === 'path').map(({ name }) => `/{${name}}`);
  const inQuery = variables.filter(({ in: location }) => location === 'query');
  const names = inQuery.map(({ name, isList }) => (isList ? `${name}*` : name));
  return inPath.join('') + (names.length > 0 ? `{?${names.join(',')}}` : '');
}
