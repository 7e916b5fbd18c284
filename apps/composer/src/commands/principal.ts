import { Command } from 'commander';
import { type Management, withManagement } from './management.js';
import { print, table } from './output.js';

interface Options {
  readonly tenant: string;
  readonly json?: boolean;
}

const PAGE = 500;

/** People and service accounts. */
export function principalCommand(): Command {
  const principal = new Command('principal').description('List and disable the principals of a tenant.');
  principal
    .command('list')
    .description('List the people and service accounts of a tenant.')
    .requiredOption('--tenant <slug>', 'whose principals')
    .action(async ({ tenant, json }: Options) => {
      const { principalView } = await import('#access');
      const found = await withManagement((management) => all(management, tenant));
      if (json) return print({ tenant, principals: found.map(principalView) });
      const rows = found.map(({ id, kind, name, roles, disabledAt }) => [
        id,
        kind,
        name,
        roles.join(',') || '-',
        disabledAt ? 'disabled' : 'enabled',
      ]);
      print(table(['ID', 'KIND', 'NAME', 'ROLES', 'STATE'], rows));
    });
  principal
    .command('disable')
    .description('Let a principal in no more, whatever credential it presents.')
    .argument('<id>')
    .requiredOption('--tenant <slug>', 'its tenant')
    .action(async (id: string, { tenant, json }: Options) => {
      await withManagement(async ({ principals, in: of }) =>
        principals.change((await of(tenant)).by, id, { disabled: true }),
      );
      print(json ? { id, tenant, disabled: true } : `principal ${id} of tenant ${tenant} is disabled`);
    });
  return principal;
}

async function all({ principals, tenants }: Management, slug: string) {
  const { id: tenantId } = await tenants.get(slug);
  const found = [...(await principals.list(tenantId, { limit: PAGE }))];
  for (let size = found.length; size === PAGE;) {
    const page = await principals.list(tenantId, { limit: PAGE, after: found.at(-1)!.id });
    found.push(...page);
    size = page.length;
  }
  return found;
}
