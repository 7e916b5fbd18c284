import { type Fault, isObject } from '#kernel';
import { listOf, textOf } from './json-reader.js';
import { LinearPattern } from './linear-pattern.js';
import { InvalidRoutesError } from './openapi.errors.js';

/** Steps that all searches in one document may take together; about a second. */
const MAX_COST = 200_000_000;

export type RouteKind = 'TOOL' | 'RESOURCE' | 'RESOURCE_TEMPLATE' | 'EXCLUDE';

/** What becomes of the operations that a rule fits. */
interface RouteRule {
  /** Upper-case methods; undefined stands for all. */
  readonly methods: ReadonlySet<string> | undefined;
  /** Searched anywhere in the path template. */
  readonly pattern: LinearPattern;
  readonly kind: RouteKind;
}

const KINDS: readonly string[] = ['TOOL', 'RESOURCE', 'RESOURCE_TEMPLATE', 'EXCLUDE'] satisfies RouteKind[];
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE'];
const MAX_RULES = 100;

/**
 * Reads `open_api.custom_routes`: a list of `{methods, pattern, mcp_type}` or the same as JSON text. `methods`
 * defaults to all (`"*"`), `pattern` to everything.
 *
 * @param isLayered the rules are read as layered members of the original read them
 * @throws InvalidRoutesError with every fault of every rule
 */
export function readRouteRules(customRoutes: unknown, isLayered = false): RouteRules {
  const list = typeof customRoutes === 'string' ? parsed(customRoutes) : (customRoutes ?? []);
  if (!Array.isArray(list) || list.length > MAX_RULES) {
    throw new InvalidRoutesError([{ path: PATH, message: `expected a list of at most ${MAX_RULES} rules` }]);
  }
  const faults: Fault[] = [];
  const rules = list.map((item: unknown, index) => readRule(item, { path: `${PATH}[${index}]`, isLayered }, faults));
  if (faults.length > 0) throw new InvalidRoutesError(faults);
  return new RouteRules(
    rules.filter((rule) => rule !== undefined),
    isLayered,
  );
}

/** The rules of one document, for one pass over its operations. */
export class RouteRules {
  #cost = 0;

  constructor(
    private readonly rules: readonly RouteRule[],
    private readonly isLayered: boolean,
  ) {}

  /**
   * What an operation becomes: the first rule that fits decides, and without one it is a tool. In a layered member a
   * rule that excludes wins wherever it stands, and where there are rules, what none of them takes in is left out.
   *
   * @throws InvalidRoutesError once all searches together could have taken too long
   */
  kindOf(method: string, path: string): RouteKind {
    if (this.isLayered) return this.#takesIn(method, path) ? 'TOOL' : 'EXCLUDE';
    return this.rules.find((rule) => this.#fits(rule, method, path))?.kind ?? 'TOOL';
  }

  #takesIn(method: string, path: string): boolean {
    if (this.rules.length === 0) return true;
    const kinds = this.rules.filter((rule) => this.#fits(rule, method, path)).map(({ kind }) => kind);
    return !kinds.includes('EXCLUDE') && (kinds.includes('TOOL') || kinds.includes('RESOURCE'));
  }

  #fits({ methods, pattern }: RouteRule, method: string, path: string): boolean {
    if (methods && !methods.has(method)) return false;
    this.#cost += pattern.costIn(path);
    if (this.#cost > MAX_COST) {
      const message = 'the rules take too long on a document of this size; use fewer or simpler patterns';
      throw new InvalidRoutesError([{ path: PATH, message }]);
    }
    return pattern.isFoundIn(path);
  }
}

const PATH = 'open_api.custom_routes';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface RulePlace {
  readonly path: string;
  readonly isLayered: boolean;
}

function readRule(item: unknown, { path, isLayered }: RulePlace, faults: Fault[]): RouteRule | undefined {
  if (!isObject(item)) {
    faults.push({ path, message: 'expected an object with pattern, methods and mcp_type' });
    return undefined;
  }
  const kind = (textOf(item, 'mcp_type') ?? '').toUpperCase();
  if (!KINDS.includes(kind)) faults.push({ path: `${path}.mcp_type`, message: `expected one of ${KINDS.join(', ')}` });

  const text = item.pattern === undefined ? '.*' : (textOf(item, 'pattern') ?? '*');
  const pattern = isLayered ? LinearPattern.compileAnchored(text) : LinearPattern.compile(text);
  if (!pattern) {
    const message =
      'expected a regular expression of at most 256 characters, without look-around, back references or flags';
    faults.push({ path: `${path}.pattern`, message });
  }

  const methods = readMethods(item);
  if (methods?.some((method) => !METHODS.includes(method))) {
    faults.push({ path: `${path}.methods`, message: `expected "*" or a list of ${METHODS.join(', ')}` });
  }
  return pattern && { pattern, kind: kind as RouteKind, methods: methods && new Set(methods) };
}

function readMethods(rule: Record<string, unknown>): string[] | undefined {
  const all = rule.methods === undefined || rule.methods === '*';
  if (all) return undefined;
  if (!Array.isArray(rule.methods)) return [''];
  const methods = listOf(rule, 'methods').map((method) => String(method).toUpperCase());
  return methods.includes('*') ? undefined : methods;
}
