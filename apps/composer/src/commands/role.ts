import { readFile } from 'node:fs/promises';
import { ComposerError, isObject } from '#kernel';
import { Command } from 'commander';
import { withManagement } from './management.js';
import { print, table } from './output.js';

interface TenantOption {
  readonly tenant: string;
  readonly json?: boolean;
}

interface SetOptions extends TenantOption {
  readonly tools: readonly string[];
  readonly servers: readonly string[];
  readonly virtualServers: readonly string[];
  readonly description?: string;
}

class PolicyFileError extends ComposerError {
  constructor(file: string, why: string) {
    super('COMPOSER_POLICY_FILE_INVALID', `${file} ${why}; it must be JSON like {"sales": ["crm_*", "mail_send"]}`);
  }
}

/** Roles of a tenant's own. */
export function roleCommand(): Command {
  const role = new Command('role').description('Make, list and delete the roles of a tenant.');
  inTenant(role.command('list'))
    .description('List the roles of a tenant, besides the built-in ones.')
    .action(async ({ tenant, json }: TenantOption) => {
      const { roleView } = await import('#access');
      const found = await withManagement(async ({ roles, tenants }) => roles.list((await tenants.get(tenant)).id));
      if (json) return print({ tenant, roles: found.map(roleView) });
      const rows = found.map(({ name, permissions: { tools, servers, virtualServers } }) => [
        name,
        tools.join(',') || '-',
        servers.join(',') || '-',
        virtualServers.join(',') || '-',
      ]);
      print(table(['ROLE', 'TOOLS', 'SERVERS', 'VIRTUAL SERVERS'], rows));
    });
  inTenant(role.command('set'))
    .description('Make a role, or replace what it opens. Patterns may hold * and ?.')
    .argument('<name>')
    .option('--tools <patterns>', 'full names of tools, with commas between them', listed, [])
    .option('--servers <patterns>', 'ids of servers, all of whose tools it opens', listed, [])
    .option('--virtual-servers <patterns>', 'slugs of virtual servers', listed, [])
    .option('--description <text>')
    .action(set);
  inTenant(role.command('delete'))
    .description('Delete a role. Whoever holds it keeps the name, which then opens nothing.')
    .argument('<name>')
    .action(async (name: string, { tenant, json }: TenantOption) => {
      await withManagement(async ({ roles, in: of }) => roles.remove((await of(tenant)).by, name));
      print(json ? { role: name, tenant, deleted: true } : `role ${name} of tenant ${tenant} is deleted`);
    });
  inTenant(role.command('import'))
    .description('Take over a policy file: which tools each role opens.')
    .argument('<file>', 'JSON: {"<role>": ["<tool>", …]}, patterns may hold * and ?')
    .action(importFile);
  return role;
}

const inTenant = (command: Command): Command => command.requiredOption('--tenant <slug>', 'whose roles');

async function set(name: string, options: SetOptions): Promise<void> {
  const { tenant, tools, servers, virtualServers, description, json } = options;
  const { checked, roleSchema, roleView } = await import('#access');
  const wanted = checked(roleSchema, {
    ...(description === undefined ? {} : { description }),
    permissions: { tools, servers, virtual_servers: virtualServers },
  });
  const role = await withManagement(async ({ roles, in: of }) => roles.put((await of(tenant)).by, name, wanted));
  const { name: _, ...rest } = roleView(role);
  print(json ? { role: name, tenant, ...rest } : `role ${name} of tenant ${tenant} is set`);
}

async function importFile(file: string, { tenant, json }: TenantOption): Promise<void> {
  const { checked, policySchema } = await import('#access');
  const policy = checked(policySchema, await policyIn(file));
  const result = await withManagement(async ({ roles, in: of }) => roles.importPolicy((await of(tenant)).by, policy));
  if (json) print({ tenant, ...result });
  else {
    for (const name of result.imported) print(`role ${name} is set`);
    for (const { role, reason } of result.refused) print(`role ${role} is refused: ${reason}`);
  }
  if (result.refused.length > 0) process.exitCode = 1;
}

async function policyIn(file: string): Promise<object> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new PolicyFileError(file, `cannot be read (${error.code ?? 'unknown reason'})`);
  });
  const policy = jsonOf(text);
  if (!isObject(policy)) throw new PolicyFileError(file, 'holds something else');
  return policy;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listed(text: string): readonly string[] {
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '');
}
