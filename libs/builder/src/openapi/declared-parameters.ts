import { type Json, isObject } from '#kernel';
import { entriesOf, listOf, memberOf, objectOf, textOf } from './json-reader.js';
import { isCookieName, isHeaderAllowed } from './header-rules.js';
import { isJsonType } from './media-type.js';
import type { OpenApiDocument } from './openapi-document.js';
import type { OperationParameter, ParameterLocation, ParameterStyle } from './openapi-operation.js';
import { UnsupportedOperationError } from './openapi.errors.js';
import type { PathTemplate } from './path-template.js';
import { dereference } from './reference.js';
import { exampleIn } from './schema-keywords.js';

/** A parameter as the document declares it, before it has a name among the arguments. */
export interface DeclaredParameter extends Omit<OperationParameter, 'argument'> {
  readonly schema: unknown;
  readonly description: string;
  /** Further keywords for its schema. */
  readonly keywords: Readonly<Record<string, Json>>;
}

interface Place {
  readonly template: PathTemplate;
  readonly item: unknown;
  readonly operation: unknown;
}

// Paths and headers have lists of the last two kinds from Swagger 2.0 alone, and they mean the same everywhere.
const STYLES: Readonly<Record<ParameterLocation, readonly ParameterStyle[]>> = {
  path: ['simple', 'label', 'matrix', 'spaceDelimited', 'pipeDelimited'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple', 'spaceDelimited', 'pipeDelimited'],
  cookie: ['form'],
};

/**
 * The parameters of an operation: those of its path item, overridden by its own of the same name and place. Optional
 * ones that cannot be honoured are left out with a note.
 *
 * @throws UnsupportedOperationError if a required one cannot be honoured
 */
export function declaredParameters(document: OpenApiDocument, place: Place, notes: string[]): DeclaredParameter[] {
  const { path, inQuery } = place.template;
  const parameters: DeclaredParameter[] = [];
  for (const parameter of inForce(document, place)) {
    const [name = '', location = ''] = [textOf(parameter, 'name'), textOf(parameter, 'in')];
    const fault = faultOf(parameter, place.template);
    if (!fault) parameters.push(declared(document, parameter));
    else if (memberOf(parameter, 'required') === true && !isIgnorable(name, location, place.template.query)) {
      throw new UnsupportedOperationError(`the required parameter "${name}" ${fault}`);
    } else notes.push(`the parameter "${name}" is left out: it ${fault}`);
  }
  const paths = undeclared(templateNames(path), 'path', { parameters, notes });
  const queries = undeclared([...inQuery.values()], 'query', { parameters, notes });
  return [...paths, ...parameters, ...queries];
}

// Nothing is asked of a parameter that another one overrides. Those without a name override none.
function inForce(document: OpenApiDocument, { template, item, operation }: Place): Iterable<unknown> {
  const byKey = new Map<unknown, unknown>();
  for (const raw of [...listOf(item, 'parameters'), ...listOf(operation, 'parameters')]) {
    const parameter = placed(dereference(document, raw), template);
    const [name = '', location = ''] = [textOf(parameter, 'name'), textOf(parameter, 'in')];
    const key = name === '' ? {} : `${location}:${location === 'header' ? name.toLowerCase() : name}`;
    byKey.delete(key);
    byKey.set(key, parameter);
  }
  return byKey.values();
}

// What a document calls a parameter of the path, and writes into the query of that path, is one of the query.
function placed(parameter: unknown, { path, inQuery }: PathTemplate): unknown {
  const name = textOf(parameter, 'name') ?? '';
  const queryName = inQuery.get(name);
  const isElsewhere = textOf(parameter, 'in') !== 'path' || templateNames(path).includes(name);
  if (queryName === undefined || isElsewhere) return parameter;
  return { ...(parameter as object), in: 'query', name: queryName, style: 'form', explode: true };
}

const namesOf = (query: string): string[] => [...new URLSearchParams(query).keys()];

/** The names in a path template, in order. */
export const templateNames = (path: string): string[] =>
  [...path.matchAll(/\{([^{}/]+)\}/g)].map(([, name = '']) => name);

// Headers that the gateway sets itself, path parameters that the path does not mention, and what it says already.
const isIgnorable = (name: string, location: string, query: string): boolean =>
  location === 'path' ||
  (location === 'query' && namesOf(query).includes(name)) ||
  (location === 'header' && !isHeaderAllowed(name));

function faultOf(parameter: unknown, { path, query }: PathTemplate): string | undefined {
  const [name, location] = [textOf(parameter, 'name'), textOf(parameter, 'in')];
  if (!name || name === '__proto__') return 'has no usable name';
  if (location === undefined || !Object.hasOwn(STYLES, location))
    return `stands in "${location}", which is not supported`;
  if (location === 'path' && !templateNames(path).includes(name)) return 'does not occur in the path';
  if (location === 'query' && namesOf(query).includes(name)) return 'has its value in the path';
  if (location === 'header' && !isHeaderAllowed(name)) return 'is a header that arguments may not set';
  if (location === 'cookie' && !isCookieName(name)) return 'has a name that no cookie may have';
  const style = textOf(parameter, 'style');
  const isKnown = style === undefined || STYLES[location as ParameterLocation].some((known) => known === style);
  return isKnown ? undefined : `has the style "${style}", which is not supported there`;
}

function declared(document: OpenApiDocument, parameter: unknown): DeclaredParameter {
  const location = textOf(parameter, 'in') as ParameterLocation;
  const style = (textOf(parameter, 'style') as ParameterStyle | undefined) ?? STYLES[location][0] ?? 'form';
  const explode = memberOf(parameter, 'explode');
  const [media] = entriesOf(parameter, 'content');
  const schema = media ? memberOf(media[1], 'schema') : memberOf(parameter, 'schema');
  return {
    name: textOf(parameter, 'name') ?? '',
    in: location,
    required: location === 'path' || memberOf(parameter, 'required') === true,
    style,
    explode: typeof explode === 'boolean' ? explode : style === 'form',
    ...(location === 'query' && memberOf(parameter, 'allowReserved') === true && { allowReserved: true as const }),
    ...(media && isJsonType(media[0]) && { json: true as const }),
    schema: schema ?? {},
    keywords: isObject(parameter)
      ? { ...exampleIn(parameter), ...(parameter['deprecated'] === true && { deprecated: true }) }
      : {},
    description: textOf(parameter, 'description') ?? textOf(dereferenced(document, schema), 'description') ?? '',
  };
}

const dereferenced = (document: OpenApiDocument, schema: unknown): unknown =>
  objectOf({ schema: dereference(document, schema) }, 'schema');

// Careless documents name a parameter in the path alone. It can only be text.
function undeclared(
  names: readonly string[],
  place: 'path' | 'query',
  { parameters, notes }: { parameters: readonly DeclaredParameter[]; notes: string[] },
): DeclaredParameter[] {
  const known = new Set(parameters.filter((parameter) => parameter.in === place).map(({ name }) => name));
  const missing = [...new Set(names)].filter((name) => !known.has(name));
  return missing.map((name) => {
    if (name === '__proto__') throw new UnsupportedOperationError('a path parameter has no usable name');
    notes.push(`the ${place} parameter "${name}" is not declared and taken for text`);
    const [style] = STYLES[place] as [ParameterStyle];
    const isInPath = place === 'path';
    return {
      name,
      in: place,
      required: isInPath,
      style,
      explode: !isInPath,
      schema: { type: 'string' },
      keywords: {},
      description: '',
    };
  });
}
