import { Command, InvalidArgumentError } from 'commander';
import { type Management, withManagement } from './management.js';
import { print, table } from './output.js';

interface CreateOptions {
  readonly tenant: string;
  readonly role: string;
  readonly name?: string;
  readonly expires?: string;
  readonly json?: boolean;
}

interface ListOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

interface ListedKey {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly principal: string;
  readonly role: string;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
}

/** API keys: made, listed, revoked. */
export function keyCommand(): Command {
  const key = new Command('key').description('Make, list and revoke API keys.');
  key
    .command('create')
    .description('Make an API key, of a service account that is made if it is not there. The key is shown this once.')
    .requiredOption('--tenant <slug>', 'the tenant that it lets in to')
    .requiredOption('--role <role>', 'operator, admin, developer, caller, or a role of the tenant')
    .option('--name <name>', 'the name of the service account; that of the role unless given')
    .option(
      '--expires <span>',
      'how long it lives, 30m, 12h or 90d for instance; until it is revoked unless given',
      span,
    )
    .action(create);
  key
    .command('list')
    .description('List the keys, newest first. None of them can be read again.')
    .option('--tenant <slug>', 'of one tenant')
    .action(async ({ tenant, json }: ListOptions) => {
      const keys = await withManagement((management) => list(management, tenant));
      const heading = ['ID', 'TENANT', 'NAME', 'PRINCIPAL', 'ROLE', 'STATE', 'LAST USED'];
      print(json ? { keys } : table(heading, keys.map(rowOf)));
    });
  key
    .command('revoke')
    .description('Revoke a key: it lets nobody in any more.')
    .argument('<id>')
    .action(async (id: string, { json }: ListOptions) => {
      const tenant = await withManagement((management) => revoke(management, id));
      print(json ? { id, tenant, revoked: true } : `key ${id} of tenant ${tenant} is revoked`);
    });
  return key;
}

async function create({ tenant: slug, role, name, expires, json }: CreateOptions): Promise<void> {
  const { checked, newKeySchema } = await import('#access');
  const wanted = checked(newKeySchema, {
    role,
    ...(name === undefined ? {} : { name }),
    ...(expires === undefined ? {} : { expires }),
  });
  const { stored, text } = await withManagement(async ({ keys, in: inTenant }) =>
    keys.issue((await inTenant(slug)).by, wanted),
  );
  const expiresAt = stored.expiresAt?.toISOString() ?? null;
  if (json) {
    print({
      id: stored.id,
      key: text,
      tenant: slug,
      role,
      expiresAt,
      name: stored.name,
      principal: stored.principalId,
    });
    return;
  }
  print(
    [
      text,
      '',
      `This is the key, and the only time that it is shown. It lets in to tenant ${slug} as ${role}${expiresAt ? ` until ${expiresAt}` : ''}.`,
      `Clients send it with every request: Authorization: Bearer <key>, or X-API-Key: <key>.`,
      `To revoke it: key revoke ${stored.id}`,
    ].join('\n'),
  );
}

async function list({ tenants, principals, keys }: Management, slug?: string): Promise<readonly ListedKey[]> {
  const { keyView } = await import('#access');
  const wanted = slug === undefined ? await tenants.list() : [await tenants.get(slug)];
  const found: ListedKey[] = [];
  for (const { id: tenantId, slug: tenant } of wanted) {
    const roles = new Map<string, string>();
    for (const key of await keys.list(tenantId)) {
      const { principalId } = key;
      if (!roles.has(principalId))
        roles.set(principalId, (await principals.get(tenantId, principalId)).roles.join(' '));
      const view = keyView(key) as Record<string, string>;
      found.push({
        id: key.id,
        tenant,
        name: key.name,
        principal: principalId,
        role: roles.get(principalId) ?? '',
        scopes: key.scopes,
        createdAt: view['created_at']!,
        expiresAt: view['expires_at'] ?? null,
        revokedAt: view['revoked_at'] ?? null,
        lastUsedAt: view['last_used_at'] ?? null,
      });
    }
  }
  return found;
}

async function revoke({ tenants, keys }: Management, id: string): Promise<string> {
  const { UnknownKeyError, hostAuthority, tenantOfApiKey } = await import('#access');
  const tenant = (await tenants.list()).find((one) => one.id === tenantOfApiKey(id));
  if (!tenant) throw new UnknownKeyError();
  await keys.revoke(hostAuthority(tenant.id), id);
  return tenant.slug;
}

function rowOf(key: ListedKey): string[] {
  return [key.id, key.tenant, key.name, key.principal, key.role, stateOf(key), key.lastUsedAt ?? 'never'];
}

function stateOf({ revokedAt, expiresAt }: ListedKey): string {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt === null) return 'valid';
  return new Date(expiresAt).getTime() <= Date.now() ? 'expired' : `valid until ${expiresAt}`;
}

function span(text: string): string {
  if (!/^[1-9]\d{0,6}[mhd]$/.test(text)) throw new InvalidArgumentError('It must be like 30m, 12h or 90d.');
  return text;
}
