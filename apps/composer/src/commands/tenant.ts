import type { Tenant } from '#access';
import { CLI } from '#tenancy';
import { Command } from 'commander';
import { withContext } from './application-context.js';
import { withManagement } from './management.js';
import { print, table } from './output.js';

interface Options {
  readonly name?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Tenants: made, listed, deleted, and resumed. */
export function tenantCommand(): Command {
  const tenant = new Command('tenant').description('Make, list and delete tenants.');
  tenant
    .command('create')
    .description('Make a tenant.')
    .argument('<slug>', 'its name in addresses: lower-case letters, digits and hyphens')
    .option('--name <name>', 'its name for people')
    .action(async (slug: string, { name, json }: Options) => {
      const { checked, newTenantSchema } = await import('#access');
      const wanted = checked(newTenantSchema, { slug, name });
      const made = await withManagement(({ tenants }) => tenants.create(wanted, CLI));
      print(json ? told(made) : `tenant ${slug} is made; give it a key: key create --tenant ${slug} --role admin`);
    });
  tenant
    .command('list')
    .description('List the tenants.')
    .action(async ({ json }: Options) => {
      const all = (await withManagement(({ tenants }) => tenants.list())).map(told);
      if (json) print({ tenants: all });
      else print(table(['TENANT', 'NAME', 'STATE'], all.map((one) => [one.tenant, one.name, stateOf(one)]))); // prettier-ignore
    });
  tenant
    .command('delete')
    .description(
      'Delete a tenant with everything of it. Its keys go first: what was sealed for it opens nowhere any more.',
    )
    .argument('<slug>')
    .option('--yes', 'really do it')
    .action(async (slug: string, { yes, json }: Options, command: Command) => {
      if (!yes) command.error(`this deletes everything of tenant ${slug} for good; say so with --yes`);
      const remaining = await remove(slug);
      print(json ? { tenant: slug, deleted: true, remaining } : [`tenant ${slug} is deleted`, ...remaining].join('\n'));
    });
  tenant
    .command('resume')
    .description('Let a tenant in again that was suspended. What else was revoked stays revoked.')
    .argument('<slug>')
    .action(async (slug: string, { json }: Options) => {
      const resumed = await withManagement(({ tenants }) => tenants.change(slug, { suspended: false }, CLI));
      print(json ? told(resumed) : `tenant ${slug} is let in again`);
    });
  return tenant;
}

async function remove(slug: string): Promise<readonly string[]> {
  const [{ TenantAdministration }, { TenantRemovalModule }] = await Promise.all([
    import('#access'),
    import('./tenant-removal.module.js'),
  ]);
  return withContext(TenantRemovalModule, (app) => app.get(TenantAdministration, { strict: false }).remove(slug, CLI));
}

function told({ id, slug, name, suspendedAt, createdAt }: Tenant) {
  return { tenant: slug, id, name, suspended: suspendedAt !== undefined, createdAt: createdAt.toISOString() };
}

const stateOf = ({ suspended }: { readonly suspended: boolean }): string => (suspended ? 'suspended' : 'active');
