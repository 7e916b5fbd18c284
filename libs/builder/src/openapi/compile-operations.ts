import { parseUrl } from '#kernel';
import { declaredBody } from './declared-body.js';
import { declaredParameters } from './declared-parameters.js';
import { compileInput } from './input-schema.js';
import { entriesOf, listOf, memberOf, objectOf, textOf } from './json-reader.js';
import type { OpenApiDocument } from './openapi-document.js';
import type {
  HttpMethod,
  OpenApiOperation,
  OpenApiResource,
  OperationAnnotations,
  OperationFacts,
} from './openapi-operation.js';
import { TooManyOperationsError, UnsupportedOperationError } from './openapi.errors.js';
import { describeOperation } from './operation-description.js';
import { readPathTemplate } from './path-template.js';
import { compileResource } from './operation-resource.js';
import { OutputSchemas } from './output-schemas.js';
import { ownBasePath } from './own-servers.js';
import { plainText } from './plain-text.js';
import { dereference } from './reference.js';
import { tellRepeated } from './repeated-members.js';
import { type RouteKind, type RouteRules, readRouteRules } from './route-rules.js';
import { SchemaBudget } from './schema-budget.js';
import { type SecurityHint, SecurityHints } from './security-hints.js';
import { ToolNames, toolName } from './tool-names.js';

export interface CompileOptions {
  /** `open_api.custom_routes` as configured: a list, or the same as JSON text. */
  readonly customRoutes?: unknown;
  /** Tools that one member may have; 2,000 unless given. */
  readonly maxOperations?: number;
  /** Rules are read as layered members read them, and operations carry what these tell of them. */
  readonly isLayered?: boolean;
  /** The member's endpoint: servers in the document that are of its origin count. */
  readonly endpoint?: string;
}

export interface SkippedOperation {
  /** `METHOD /path`. */
  readonly operation: string;
  readonly reason: string;
}

/** What is different from the document in an operation that did become a tool. */
export interface OperationNote {
  /** `METHOD /path`. */
  readonly operation: string;
  readonly note: string;
}

export interface CompiledOperations {
  readonly operations: readonly OpenApiOperation[];
  /** What `open_api.custom_routes` makes resources and templates of resources. */
  readonly resources: readonly OpenApiResource[];
  /** Operations that became neither, those excluded on purpose among them. */
  readonly skipped: readonly SkippedOperation[];
  readonly notes: readonly OperationNote[];
  /** How the service authenticates callers, as its document says. */
  readonly security: readonly SecurityHint[];
}

const DEFAULT_MAX_OPERATIONS = 2_000;
/** Operations looked at per operation allowed, so that a document of nothing but exclusions ends too. */
const SCAN_FACTOR = 10;

/**
 * Makes tools of a document's operations. One that cannot become a tool is skipped with a reason and stops no other.
 * Names depend on nothing but the document and the rules: skipped operations keep theirs.
 *
 * @throws InvalidRoutesError if `customRoutes` has faults
 * @throws TooManyOperationsError if more than `maxOperations` would become tools
 */
export function compileOperations(document: OpenApiDocument, options: CompileOptions = {}): CompiledOperations {
  const { maxOperations = DEFAULT_MAX_OPERATIONS, isLayered = false } = options;
  const rules = readRouteRules(options.customRoutes, isLayered);
  const names = new ToolNames();
  const budget = new SchemaBudget();
  const security = new SecurityHints(document);
  const outputs = new OutputSchemas(document);
  const endpoint = parseUrl(options.endpoint ?? '');
  const operations: OpenApiOperation[] = [];
  const resources: OpenApiResource[] = [];
  const { skipped, notes } = tellRepeated(document.repeated ?? []);
  const judged = judgedPlaces(document, rules, maxOperations);
  for (const { place, operation, kind } of judged) {
    const { method, path } = place;
    if (kind === 'EXCLUDE') {
      skipped.push({ operation, reason: EXCLUDED });
      continue;
    }
    const name = names.take(toolName(place.operation, method, path));
    const remarks: string[] = [];
    try {
      const facts = isLayered ? { facts: factsOf(place.operation) } : {};
      const settings = { budget, outputs, endpoint, notes: remarks };
      const compiled = { ...compileOperation(document, { ...place, name }, settings), ...facts };
      if (kind === 'TOOL') operations.push(compiled);
      else resources.push(compileResource(compiled, kind, remarks));
      notes.push(...remarks.map((note) => ({ operation, note })));
      security.note(place.operation);
    } catch (error) {
      if (!(error instanceof UnsupportedOperationError)) throw error;
      skipped.push({ operation, reason: error.message });
    }
  }
  return { operations, resources, skipped, notes, security: security.list() };
}

interface JudgedPlace {
  readonly place: Place;
  /** `METHOD /path`, as it is told. */
  readonly operation: string;
  readonly kind: RouteKind;
}

// All of them before the first is compiled: what is too much is refused at once.
function judgedPlaces(document: OpenApiDocument, rules: RouteRules, maxOperations: number): JudgedPlace[] {
  const judged: JudgedPlace[] = [];
  let tools = 0;
  for (const place of places(document)) {
    const { method, path, problem } = place;
    const kind = problem === undefined ? rules.kindOf(method, path) : 'TOOL';
    if (kind !== 'EXCLUDE') tools++;
    judged.push({ place, operation: plainText(`${method} ${path}`, MAX_LABEL_BYTES), kind });
    if (tools > maxOperations || judged.length > maxOperations * SCAN_FACTOR) {
      throw new TooManyOperationsError(maxOperations);
    }
  }
  return judged;
}

const MAX_LABEL_BYTES = 256;

/** The reason of an operation that is left out on purpose. */
export const EXCLUDED = 'excluded by open_api.custom_routes';

interface Place {
  readonly method: string;
  /** As the document writes it. */
  readonly path: string;
  readonly item: unknown;
  readonly operation: unknown;
  /** Why nothing at this place can become a tool. */
  readonly problem?: string;
}

// In this order the operations of a path are named.
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
const UNSUPPORTED_METHODS = ['trace', 'query'];

function* places(document: OpenApiDocument): Generator<Place> {
  for (const [path, raw] of entriesOf(document.root, 'paths')) {
    if (path.startsWith('x-')) continue;
    const { item, problem } = pathItem(document, path, raw);
    if (problem) yield { method: '*', path, item, operation: undefined, problem };
    else yield* placesOf(path, item);
  }
}

function* placesOf(path: string, item: unknown): Generator<Place> {
  for (const key of [...METHODS, ...UNSUPPORTED_METHODS]) {
    const operation = objectOf(item, key);
    const problem = UNSUPPORTED_METHODS.includes(key) ? 'the method is not supported' : undefined;
    if (operation) yield { method: key.toUpperCase(), path, item, operation, ...(problem && { problem }) };
  }
  for (const [method, operation] of entriesOf(item, 'additionalOperations')) {
    yield { method: plainText(method, 32), path, item, operation, problem: 'the method is not supported' };
  }
}

function pathItem(document: OpenApiDocument, path: string, raw: unknown): { item: unknown; problem?: string } {
  try {
    readPathTemplate(path);
    const item = dereference(document, raw);
    return { item: item === raw ? raw : { ...(item as object), ...(raw as object) } };
  } catch (error) {
    if (error instanceof UnsupportedOperationError) return { item: undefined, problem: error.message };
    throw error;
  }
}

/** The original keeps the operations of layered members by their ids. */
function factsOf(operation: unknown): OperationFacts {
  const operationId = plainText(textOf(operation, 'operationId') ?? '', MAX_LABEL_BYTES);
  if (operationId === '') {
    throw new UnsupportedOperationError('it has no operationId, by which layered members know their operations');
  }
  const tags = listOf(operation, 'tags').filter((tag) => typeof tag === 'string');
  return {
    operationId,
    summary: plainText(textOf(operation, 'summary') ?? '', MAX_LABEL_BYTES),
    tags: tags.slice(0, MAX_TAGS).map((tag) => plainText(tag, MAX_TAG_BYTES)),
  };
}

const MAX_TAGS = 16;
const MAX_TAG_BYTES = 64;

interface Settings {
  readonly notes: string[];
  readonly budget: SchemaBudget;
  readonly outputs: OutputSchemas;
  readonly endpoint: URL | undefined;
}

function compileOperation(
  document: OpenApiDocument,
  place: Place & { name: string },
  { notes, budget, outputs, endpoint }: Settings,
): OpenApiOperation {
  const { method, path, item, operation, name, problem } = place;
  if (problem) throw new UnsupportedOperationError(problem);
  if (budget.isUsedUp) throw new UnsupportedOperationError('the schemas of the document are too large in all');
  const template = readPathTemplate(path);
  const parameters = declaredParameters(document, { template, item, operation }, notes);
  // Neither may carry content with a meaning (RFC 9110, 9.3.1 and 9.3.2).
  const isBodiless = method === 'GET' || method === 'HEAD';
  const body = isBodiless ? undefined : declaredBody(document, operation, { budget, notes });
  if (isBodiless && memberOf(operation, 'requestBody') !== undefined) notes.push(`a ${method} request has no body`);
  const basePath = ownBasePath(place, endpoint, notes);

  const input = compileInput(document, { parameters, body }, budget);
  if (input.isSimplified) notes.push('the schema of the arguments is simplified');
  const { outputSchema, answerType, isTooLarge } = outputs.of(operation);
  if (isTooLarge) notes.push('its answers have no output schema: what the document says of them is too large');
  return {
    name,
    description: describeOperation(document, operation, { method, path, input, body, budget }),
    inputSchema: input.inputSchema,
    ...(outputSchema && { outputSchema }),
    ...(answerType && { answerType }),
    annotations: annotationsOf(operation, method),
    method: method as HttpMethod,
    path: template.path,
    ...(basePath && { basePath }),
    ...(template.query && { query: template.query }),
    parameters: input.parameters,
    ...(input.body && { body: input.body }),
  };
}

const SAFE = ['GET', 'HEAD', 'OPTIONS'];
const IDEMPOTENT = [...SAFE, 'PUT', 'DELETE'];

// What a POST or PATCH destroys is unknown, so the cautious answer stands.
function annotationsOf(operation: unknown, method: string): OperationAnnotations {
  const title = plainText(textOf(operation, 'summary') ?? '', 128);
  return {
    ...(title && { title }),
    readOnlyHint: SAFE.includes(method),
    destructiveHint: !SAFE.includes(method),
    idempotentHint: IDEMPOTENT.includes(method),
    openWorldHint: true,
  };
}
