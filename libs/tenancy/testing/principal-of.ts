import { principalId } from '#kernel';
import { DEFAULT_TENANT } from '../src/default-tenant.js';
import { NO_PERMISSIONS, type Principal, SCOPES } from '../src/principal.js';

/** A principal of the default tenant, without roles, whose credential is good for everything; `more` replaces parts. */
export function principalOf(id: string, more: Partial<Principal> = {}): Principal {
  return {
    id: principalId(id),
    tenantId: DEFAULT_TENANT,
    roles: [],
    scopes: SCOPES,
    permissions: NO_PERMISSIONS,
    credential: { kind: 'api_key', id: `key-of-${id}` },
    ...more,
  };
}
