import type { IncomingHttpHeaders } from 'node:http';
import { type RequestWithPrincipal, ROUTE_POLICY, type RoutePolicy, holdsAny } from '#tenancy';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ForbiddenError, UnauthenticatedError } from './access.errors.js';
import { CallerIdentity } from './caller-identity.js';

type Request = RequestWithPrincipal & { readonly headers: IncomingHttpHeaders };

/** Stands before every route of every controller and lets nothing pass that no policy allows. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly identity: CallerIdentity,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const policy = this.reflector.getAllAndOverride<RoutePolicy | undefined>(ROUTE_POLICY, [
      context.getHandler(),
      context.getClass(),
    ]);
    const request = context.switchToHttp().getRequest<Request>();
    const principal = this.identity.identify(request.headers);
    if (principal) request.principal = principal;
    if (policy?.kind === 'public') return true;
    if (!principal) throw new UnauthenticatedError();
    if (!policy || !holdsAny(principal, policy.roles)) throw new ForbiddenError();
    return true;
  }
}
