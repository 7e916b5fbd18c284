import type {
  ApiKeyAdministration,
  Authority,
  PrincipalAdministration,
  RoleAdministration,
  Tenant,
  TenantAdministration,
} from '#access';
import { withContext } from './application-context.js';

/** What the commands of tenants, principals, roles and keys work with. */
export interface Management {
  readonly tenants: TenantAdministration;
  readonly principals: PrincipalAdministration;
  readonly roles: RoleAdministration;
  readonly keys: ApiKeyAdministration;
  /** The operator on this host, in the tenant of this slug. @throws UnknownTenantError */
  readonly in: (slug: string) => Promise<{ readonly tenant: Tenant; readonly by: Authority }>;
}

/** Runs `work` on the database of the current environment, brought up to date, and closes it. */
export async function withManagement<T>(work: (management: Management) => Promise<T>): Promise<T> {
  const access = await import('#access'); // only when it is needed: it takes half a second to load
  return withContext(access.AccessManagementModule, (app) => {
    const tenants = app.get(access.TenantAdministration);
    return work({
      tenants,
      principals: app.get(access.PrincipalAdministration),
      roles: app.get(access.RoleAdministration),
      keys: app.get(access.ApiKeyAdministration),
      in: async (slug) => {
        const tenant = await tenants.get(slug);
        return { tenant, by: access.hostAuthority(tenant.id) };
      },
    });
  });
}
