import { type Fault, isObject } from '#kernel';
import { InvalidArgumentsError, type OpenApiOperation, type ParameterLocation } from '../openapi/index.js';

type Given = Readonly<Record<string, unknown>>;

const GROUPS: Readonly<Record<string, ParameterLocation>> = {
  path_params: 'path',
  query_params: 'query',
  headers: 'header',
  cookies: 'cookie',
};
const PARTS = 'path_params, query_params, headers, cookies and body';
/** Unknown names that are told; a model learns no more from more of them. */
const MAX_FAULTS = 20;

/**
 * The arguments of an operation's own tool out of what `make_tool_call` takes, where they are grouped by their places:
 * `request: { path_params, query_params, headers, body }`. Their values are for `buildRequest` to check.
 *
 * @throws InvalidArgumentsError naming every part that is of the wrong form or has no place in the operation
 */
export function argumentsOf(operation: OpenApiOperation, request: unknown): Given {
  if (request === undefined || request === null) return {};
  const faults: Fault[] = [];
  const args = new Map<string, unknown>();
  if (isObject(request)) {
    for (const [key, value] of Object.entries(request)) {
      if (value === undefined || value === null) continue;
      const place = Object.hasOwn(GROUPS, key) ? GROUPS[key] : undefined;
      if (place) takeGroup(operation, { key, place, value }, { args, faults });
      else if (key === 'body') takeBody(operation, value, { args, faults });
      else faults.push({ path: `request.${key.slice(0, 64)}`, message: `is none of ${PARTS}` });
    }
  } else faults.push({ path: 'request', message: `must be an object with ${PARTS}` });
  if (faults.length > 0) throw new InvalidArgumentsError(operation.name, faults.slice(0, MAX_FAULTS));
  return Object.fromEntries(args);
}

interface Taken {
  readonly args: Map<string, unknown>;
  readonly faults: Fault[];
}

interface Group {
  readonly key: string;
  readonly place: ParameterLocation;
  readonly value: unknown;
}

function takeGroup({ parameters }: OpenApiOperation, { key, place, value }: Group, { args, faults }: Taken): void {
  if (!isObject(value)) return void faults.push({ path: `request.${key}`, message: 'must be an object' });
  for (const [name, one] of Object.entries(value)) {
    const known = parameters.find(
      (parameter) =>
        parameter.in === place &&
        // RFC 9110, 5.1: names of headers are case-insensitive.
        (parameter.name === name || (place === 'header' && parameter.name.toLowerCase() === name.toLowerCase())),
    );
    if (known) args.set(known.argument, one);
    else faults.push({ path: `request.${key}.${name.slice(0, 64)}`, message: 'is no parameter of this operation' });
  }
}

function takeBody({ body, parameters }: OpenApiOperation, value: unknown, { args, faults }: Taken): void {
  const path = 'request.body';
  if (!body) return void faults.push({ path, message: 'is more than this operation takes: it has no body' });
  if (!body.properties) return void args.set(body.argument!, value);
  if (!isObject(value)) return void faults.push({ path, message: 'must be an object' });
  const known = new Map(body.properties.map(({ name, argument }) => [name, argument]));
  const taken = new Set([...parameters.map(({ argument }) => argument), ...known.values()]);
  for (const [name, one] of Object.entries(value)) {
    const argument = known.get(name) ?? (body.additional && !taken.has(name) ? name : undefined);
    if (argument !== undefined) args.set(argument, one);
    else faults.push({ path: `${path}.${name.slice(0, 64)}`, message: 'is no property of the body' });
  }
}
