import type {
  ApiKeyAdministration,
  Authority,
  PrincipalAdministration,
  RoleAdministration,
  Tenant,
  TenantAdministration,
} from '#access';
import { ComposerError } from '#kernel';

/** What the commands of tenants, principals, roles and keys work with. */
export interface Management {
  readonly tenants: TenantAdministration;
  readonly principals: PrincipalAdministration;
  readonly roles: RoleAdministration;
  readonly keys: ApiKeyAdministration;
  /** The operator on this host, in the tenant of this slug. @throws UnknownTenantError */
  readonly in: (slug: string) => Promise<{ readonly tenant: Tenant; readonly by: Authority }>;
}

/** The embedded database has one process; while that is a composer, its API is the way in. */
class EmbeddedInUseError extends ComposerError {
  constructor({ code, message }: ComposerError) {
    super(code, `${message}; or do this over the REST API of the composer that runs, under /api/v1`, { status: 503 });
  }
}

/** Runs `work` on the database of the current environment, brought up to date, and closes it. */
export async function withManagement<T>(work: (management: Management) => Promise<T>): Promise<T> {
  // Only when it is needed: the database's libraries take half a second to load.
  const [{ NestFactory }, access, { DataDirectoryLockedError }] = await Promise.all([
    import('@nestjs/core'),
    import('#access'),
    import('#persistence'),
  ]);
  const options = { logger: false, abortOnError: false } as const;
  const starting = NestFactory.createApplicationContext(access.AccessManagementModule, options);
  const app = await starting.catch((error: unknown) => {
    throw error instanceof DataDirectoryLockedError ? new EmbeddedInUseError(error) : error;
  });
  try {
    const tenants = app.get(access.TenantAdministration);
    return await work({
      tenants,
      principals: app.get(access.PrincipalAdministration),
      roles: app.get(access.RoleAdministration),
      keys: app.get(access.ApiKeyAdministration),
      in: async (slug) => {
        const tenant = await tenants.get(slug);
        return { tenant, by: access.hostAuthority(tenant.id) };
      },
    });
  } finally {
    await app.close();
  }
}
