import { ROUTE_POLICY, type RoutePolicy } from '#tenancy';
import { Injectable, type OnModuleInit, RequestMethod } from '@nestjs/common';
import { MetadataScanner, ModulesContainer, Reflector } from '@nestjs/core';
import { RouteWithoutPolicyError } from '../access.errors.js';

/** Where Nest keeps the HTTP method and the path of a handler, and the path of a controller. */
const METHOD_METADATA = 'method';
const PATH_METADATA = 'path';

/** One route of a controller. */
export interface DeclaredRoute {
  /** `<controller>.<handler>`, for people. */
  readonly name: string;
  readonly method: string;
  /** With parameters as `:name`. */
  readonly path: string;
  readonly policy: RoutePolicy | undefined;
}

type Handler = (...args: unknown[]) => unknown;

/** Refuses to start if a route of any controller declares no policy. */
@Injectable()
export class RoutePolicyCheck implements OnModuleInit {
  constructor(
    private readonly modules: ModulesContainer,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  onModuleInit(): void {
    const open = this.routes().filter(({ policy }) => policy === undefined);
    if (open.length > 0) throw new RouteWithoutPolicyError(open.map(({ name }) => name));
  }

  /** Every handler of every controller, with the policy that it declares. */
  routes(): readonly DeclaredRoute[] {
    const controllers = [...this.modules.values()].flatMap((module) => [...module.controllers.values()]);
    return controllers.flatMap(({ metatype }) => (typeof metatype === 'function' ? this.routesOf(metatype) : []));
  }

  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- what Nest calls the class of a controller
  private routesOf(controller: Function): readonly DeclaredRoute[] {
    const prototype = controller.prototype as Record<string, Handler>;
    const handlers = this.scanner.getAllMethodNames(prototype).map((name) => [name, prototype[name]!] as const);
    return handlers.flatMap(([name, handler]) => {
      const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
      if (method === undefined) return [];
      const policy = this.reflector.getAllAndOverride<RoutePolicy | undefined>(ROUTE_POLICY, [
        handler,
        controller as Handler,
      ]);
      return pathsOf(controller).flatMap((prefix) =>
        pathsOf(handler).map((path) => ({
          name: `${controller.name}.${name}`,
          method: RequestMethod[method],
          path: joined(prefix, path),
          policy,
        })),
      );
    });
  }
}

function pathsOf(holder: object): readonly string[] {
  const path = Reflect.getMetadata(PATH_METADATA, holder) as string | readonly string[] | undefined;
  return typeof path === 'string' || path === undefined ? [path ?? ''] : path;
}

/** `/a/b`, whatever slashes the parts begin or end with. */
const joined = (...parts: readonly string[]): string =>
  `/${parts.flatMap((part) => part.split('/').filter((step) => step !== '')).join('/')}`;
