import { ROUTE_POLICY } from '#tenancy';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { MetadataScanner, ModulesContainer, Reflector } from '@nestjs/core';
import { RouteWithoutPolicyError } from './access.errors.js';

/** Where Nest keeps the HTTP method of a handler. */
const METHOD_METADATA = 'method';

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
  routes(): readonly { readonly name: string; readonly policy: unknown }[] {
    const controllers = [...this.modules.values()].flatMap((module) => [...module.controllers.values()]);
    return controllers.flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const prototype = metatype.prototype as Record<string, object>;
      const handlers = this.scanner.getAllMethodNames(prototype).filter((name) => this.isRoute(prototype[name]!));
      return handlers.map((name) => ({
        name: `${metatype.name}.${name}`,
        policy: this.reflector.getAllAndOverride<unknown>(ROUTE_POLICY, [prototype[name] as never, metatype as never]),
      }));
    });
  }

  private isRoute(handler: object): boolean {
    return Reflect.getMetadata(METHOD_METADATA, handler) !== undefined;
  }
}
