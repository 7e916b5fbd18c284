import {
  type Principal,
  type RequestWithPrincipal,
  ROUTE_POLICY,
  type Role,
  type RoutePolicy,
  holdsAny,
  scopeOf,
} from '#tenancy';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ForbiddenError, ScopeInsufficientError } from '../access.errors.js';
import { CallerIdentity, type IdentifiableRequest } from '../identity/caller-identity.js';
import { RequestLimits } from '../limits/request-limits.js';

type Request = RequestWithPrincipal & IdentifiableRequest;

/** Stands before every route of every controller and lets nothing pass that no policy allows. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly identity: CallerIdentity,
    private readonly limits: RequestLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = this.reflector.getAllAndOverride<RoutePolicy | undefined>(ROUTE_POLICY, [
      context.getHandler(),
      context.getClass(),
    ]);
    const request = context.switchToHttp().getRequest<Request>();
    const { principal, refusal } = await this.identity.identify(request);
    if (principal) request.principal = principal;
    if (policy?.kind === 'public') return true; // whatever came along, and also while nobody can be identified
    if (!principal) throw refusal;
    const oneTooMany = this.limits.refusalOf(principal);
    if (oneTooMany) throw oneTooMany;
    if (!policy || (policy.kind === 'roles' && !mayCall(principal, policy.roles))) throw new ForbiddenError();
    const scope = scopeOf(policy);
    if (!principal.scopes.includes(scope)) throw new ScopeInsufficientError([scope]);
    return true;
  }
}

/** In the operator's own tenant an operator may what an administrator may. */
function mayCall(principal: Principal, roles: readonly Role[]): boolean {
  return holdsAny(principal, roles) || (roles.includes('admin') && holdsAny(principal, ['operator']));
}
