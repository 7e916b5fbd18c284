import { type ExecutionContext, createParamDecorator } from '@nestjs/common';
import type { Principal } from './principal.js';

/** An HTTP request that the access guard has let pass; public routes have no principal. */
export interface RequestWithPrincipal {
  principal?: Principal;
}

/** The verified principal of a request. Only for routes with `@AllowRoles`: a public route has none. */
export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<RequestWithPrincipal>();
  if (!principal) throw new Error('@CurrentPrincipal() on a route that the access guard did not check');
  return principal;
});
