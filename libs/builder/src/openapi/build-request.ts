import { type Fault, isObject } from '#kernel';
import { isHeaderValue } from './header-rules.js';
import type { OpenApiOperation, OperationParameter } from './openapi-operation.js';
import { InvalidArgumentsError } from './openapi.errors.js';
import { partsOf, styleFault, styledHeader, styledPairs, styledPathSegment } from './parameter-style.js';
import { MAX_PATH_VALUE, pathValueFault } from './path-value.js';
import { encodeStrictly } from './percent-encoding.js';
import { type RequestBody, buildBody } from './request-body.js';

/** What goes on the wire, but for the credential, which the member's auth strategy adds last. */
export interface OperationRequest {
  readonly method: string;
  /** Path and query, below the origin of the base. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

type Arguments = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 64;
const MAX_PATH_BYTES = 64 * 1024;
/** Servers take 8 to 64 KiB of headers in all. */
const MAX_HEADER_CHARS = 16 * 1024;
/** Unknown arguments that are named; a model learns no more from more of them. */
const MAX_UNKNOWN = 20;

/**
 * Builds the request that calls `operation`. Arguments choose values and nothing else: the result has the origin of
 * `base`, begins with its path, or with the operation's own base path, and has as many path segments as the template, whatever they hold.
 *
 * @param args the tool's arguments as they came; only own members count
 * @param base the member's endpoint; its query, if any, is kept
 * @throws InvalidArgumentsError listing every argument that is missing, unknown, or cannot be put in its place
 */
export function buildRequest(operation: OpenApiOperation, args: unknown, base: URL): OperationRequest {
  const given = readArguments(operation, args);
  const faults = [...presenceFaults(operation, given), ...valueFaults(operation, given)];
  const body = faults.length === 0 ? buildBody(operation, given, faults) : undefined;
  if (faults.length > 0) throw new InvalidArgumentsError(operation.name, faults);

  return {
    method: operation.method,
    path: buildPath(operation, given, base),
    headers: buildHeaders(operation, given, body),
    ...(body && { body: body.content }),
  };
}

function readArguments(operation: OpenApiOperation, args: unknown): Arguments {
  const own = args ?? {};
  if (!isObject(own)) throw new InvalidArgumentsError(operation.name, [{ path: '', message: 'expected an object' }]);
  if (!isShallow(own, MAX_DEPTH)) {
    throw new InvalidArgumentsError(operation.name, [{ path: '', message: `nested deeper than ${MAX_DEPTH} levels` }]);
  }
  const given: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(own)) if (value !== undefined) given[name] = value;
  return given;
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isShallow(member, depth - 1));
}

function presenceFaults({ parameters, body, inputSchema }: OpenApiOperation, given: Arguments): Fault[] {
  const ofBody = body?.properties?.map(({ argument }) => argument) ?? [body?.argument];
  const known = new Set([...parameters.map(({ argument }) => argument), ...ofBody]);
  const required = Array.isArray(inputSchema.required) ? inputSchema.required : [];
  const missing = required.filter((name) => typeof name === 'string' && given[name] === undefined);
  // The one name that is never a property in good faith.
  const isUnknown = (name: string): boolean => !known.has(name) && (!body?.additional || name === '__proto__');
  const unknown = Object.keys(given).filter(isUnknown);
  return [
    ...missing.map((name) => ({ path: String(name), message: 'is required' })),
    ...unknown
      .slice(0, MAX_UNKNOWN)
      .map((name) => ({ path: name.slice(0, 64), message: 'is not an argument of this tool' })),
  ];
}

function valueFaults({ parameters }: OpenApiOperation, given: Arguments): Fault[] {
  return parameters.flatMap((parameter) => {
    const value = given[parameter.argument];
    const message = value === undefined ? undefined : CHECKS[parameter.in](parameter, value);
    return message ? [{ path: parameter.argument, message }] : [];
  });
}

const CHECKS: Readonly<
  Record<OperationParameter['in'], (parameter: OperationParameter, value: unknown) => string | undefined>
> = {
  path: (parameter, value) => {
    const parts = value === null ? [''] : sent(parameter, value);
    // The whole before its parts, of which there may be very many.
    if (lengthOf(parts) > MAX_PATH_VALUE) return `must be at most ${MAX_PATH_VALUE} characters long in a path`;
    return parts.length === 0 ? pathValueFault('') : parts.map(pathValueFault).find(Boolean);
  },
  query: pairsFault,
  cookie: pairsFault,
  header: (parameter, value) => {
    const text = styledHeader(parameter, asSent(parameter, value));
    if (text.length > MAX_HEADER_CHARS) return `must be at most ${MAX_HEADER_CHARS} characters long in a header`;
    return isHeaderValue(text)
      ? undefined
      : 'must be ISO-8859-1 text without line breaks and control characters in a header';
  },
};

function pairsFault(parameter: OperationParameter, value: unknown): string | undefined {
  const maxChars = parameter.in === 'cookie' ? MAX_HEADER_CHARS : MAX_PATH_BYTES;
  try {
    styledPairs(parameter, asSent(parameter, value), maxChars);
    return undefined;
  } catch (error) {
    return styleFault(error);
  }
}

const lengthOf = (parts: readonly string[]): number => parts.reduce((sum, part) => sum + part.length, parts.length - 1);

const asSent = ({ json }: OperationParameter, value: unknown): unknown => (json ? JSON.stringify(value) : value);
const sent = (parameter: OperationParameter, value: unknown): string[] => partsOf(asSent(parameter, value));

function buildPath(operation: OpenApiOperation, given: Arguments, base: URL): string {
  const byName = new Map(inPlace(operation, 'path').map((parameter) => [parameter.name, parameter]));
  const path = operation.path.replace(/\{([^{}/]+)\}/g, (template, name: string) => {
    const parameter = byName.get(name);
    return parameter ? styledPathSegment(parameter, asSent(parameter, given[parameter.argument])) : template;
  });
  const fixed = [base.search.slice(1), operation.query ?? ''];
  const query = [...fixed, ...inPlace(operation, 'query').flatMap((parameter) => pairs(parameter, given))];
  const joined = query.filter((pair) => pair !== '').join('&');

  const prefix = (operation.basePath ?? base.pathname).replace(/\/$/, '');
  const url = new URL(`${base.origin}${prefix}${path}${joined && `?${joined}`}`);
  assertInside(operation, url, { base, prefix });
  return url.pathname + url.search;
}

// The checks of the single values make this unreachable; it stands because a credential goes wherever this points.
function assertInside(operation: OpenApiOperation, url: URL, { base, prefix }: { base: URL; prefix: string }): void {
  const segments = `${prefix}${operation.path}`.split('/').length;
  const isInside =
    url.origin === base.origin && url.pathname.startsWith(`${prefix}/`) && url.pathname.split('/').length === segments;
  const message = isInside
    ? url.href.length > MAX_PATH_BYTES && `make an address of more than ${MAX_PATH_BYTES} characters`
    : 'lead out of the path of this tool';
  if (message) throw new InvalidArgumentsError(operation.name, [{ path: '', message: `they ${message}` }]);
}

const inPlace = (operation: OpenApiOperation, place: OperationParameter['in']): OperationParameter[] =>
  operation.parameters.filter((parameter) => parameter.in === place);

function pairs(parameter: OperationParameter, given: Arguments): string[] {
  const value = given[parameter.argument];
  return isNothing(parameter, value) ? [] : styledPairs(parameter, asSent(parameter, value));
}

// What models send for "not given", and lists and objects of nothing but that (RFC 6570, 2.3).
function isNothing({ json }: OperationParameter, value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value) && value.length === 0) return true;
  return !json && typeof value === 'object' && partsOf(value).length === 0;
}

function buildHeaders(
  operation: OpenApiOperation,
  given: Arguments,
  body: RequestBody | undefined,
): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json, */*;q=0.5' };
  for (const parameter of inPlace(operation, 'header')) {
    const value = given[parameter.argument];
    if (isNothing(parameter, value)) continue;
    headers[parameter.name.toLowerCase()] = styledHeader(parameter, asSent(parameter, value)).trim();
  }
  const cookies = inPlace(operation, 'cookie').flatMap((parameter) => cookiePairs(parameter, given));
  if (cookies.length > 0) headers.cookie = cookies.join('; ');
  if (body) headers['content-type'] = body.contentType;
  return headers;
}

// `form` pairs, but a cookie's name stands as it is (checked to be a token when the operation was compiled).
function cookiePairs(parameter: OperationParameter, given: Arguments): string[] {
  const value = given[parameter.argument];
  if (isNothing(parameter, value)) return [];
  const parts = partsOf(asSent(parameter, value)).map(encodeStrictly);
  return [`${parameter.name}=${parts.join('%2C')}`];
}
