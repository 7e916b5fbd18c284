import { type DeclaredRoute, RoutePolicyCheck, RouteWithoutPolicyError } from '#access';
import type { RoutePolicy } from '#tenancy';
import { Injectable } from '@nestjs/common';

/** A route that this process answers. */
export interface ServedRoute {
  readonly method: string;
  /** With parameters as `:name`. */
  readonly path: string;
  readonly policy: RoutePolicy;
}

/** What the router was given: by Nest for its controllers, and by libraries that bring routes of their own. */
export type RouterEntry = Pick<ServedRoute, 'method' | 'path'>;

/** The API's description and the files of its page: they hold nothing of any tenant. */
const DOCUMENTATION = /^\/(docs(\/.*)?|api\/v1\/openapi\.json)$/;
const PUBLIC: RoutePolicy = { kind: 'public' };

/**
 * Every route behind Nest with who may call it, as the router really has it: a route that comes in by another way than
 * a controller, and so past the guard, is found here and stops the start.
 */
@Injectable()
export class ServedRoutes {
  private served: readonly ServedRoute[] = [];

  constructor(private readonly declared: RoutePolicyCheck) {}

  /** @throws RouteWithoutPolicyError */
  take(entries: readonly RouterEntry[]): void {
    const policies = new Map(this.declared.routes().map((route) => [keyOf(route), route.policy]));
    const found = entries.map(({ method, path }) => ({ method, path, policy: policyOf({ method, path }, policies) }));
    const open = found.filter(({ policy }) => policy === undefined);
    if (open.length > 0) throw new RouteWithoutPolicyError(open.map(keyOf));
    this.served = found as readonly ServedRoute[];
  }

  list(): readonly ServedRoute[] {
    return this.served;
  }
}

function policyOf(
  { method, path }: RouterEntry,
  policies: ReadonlyMap<string, DeclaredRoute['policy']>,
): RoutePolicy | undefined {
  // Fastify answers HEAD wherever it answers GET, through the same handler and guard.
  const asked = method === 'HEAD' ? 'GET' : method;
  if (asked === 'GET' && DOCUMENTATION.test(path)) return PUBLIC;
  return policies.get(keyOf({ method: asked, path }));
}

const keyOf = ({ method, path }: RouterEntry): string => `${method} ${path}`;
