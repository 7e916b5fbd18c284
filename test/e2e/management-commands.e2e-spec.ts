import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';
import { type CommandLine, commandLine } from '../support/command-line.js';
import { startComposer } from '../support/composer-process.js';

let scratch: string;
beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), 'composer-management-'))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the commands of tenants, keys, roles and principals', () => {
  let database: TwoRoles;
  let composer: CommandLine;
  beforeAll(async () => {
    database = await openTwoRoles();
    const COMPOSER_KEYS = `test:${randomBytes(32).toString('base64')}`;
    composer = commandLine({ ...database.env, COMPOSER_KEYS, COMPOSER_DATA_DIR: join(scratch, 'unused') });
    expect(await composer.json('tenant', 'create', 'acme', '--name', 'Acme Ltd')).toEqual({
      tenant: 'acme',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'Acme Ltd',
      suspended: false,
      createdAt: expect.any(String),
    });
  }, 60_000);
  afterAll(async () => {
    composer.remove();
    await database.remove();
  });

  it.each([
    { args: ['tenant', '--help'], says: /create[\s\S]*list[\s\S]*delete/ },
    { args: ['key', 'create', '--help'], says: /--tenant[\s\S]*--role[\s\S]*--expires[\s\S]*--json/ },
    { args: ['role', 'set', '--help'], says: /--tools[\s\S]*--servers[\s\S]*--virtual-servers[\s\S]*--json/ },
  ])('show their usage for $args', async ({ args, says }) => {
    expect(await composer.run(...args)).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(says) });
  });

  it.each([
    { args: ['tenant'], says: /Usage: composer tenant/ },
    { args: ['tenant', 'delete', 'acme'], says: /for good; say so with --yes/ },
    { args: ['key', 'create', '--tenant', 'acme'], says: /required option '--role <role>' not specified/ },
    { args: ['key', 'create', '--tenant', 'a', '--role', 'b', '--expires', 'soon'], says: /like 30m, 12h or 90d/ },
    { args: ['revoke'], says: /say what to stop/ },
    { args: ['revoke', '--server', 'crm'], says: /need --tenant/ },
    { args: ['role', 'import', '--tenant', 'acme'], says: /missing required argument 'file'/ },
  ])('refuse the usage $args with 2', async ({ args, says }) => {
    expect(await composer.run(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(says) });
  });

  it.each([
    { args: ['tenant', 'create', 'acme'], code: 'COMPOSER_TENANT_EXISTS' },
    { args: ['tenant', 'delete', 'default', '--yes'], code: 'COMPOSER_TENANT_DEFAULT' },
    { args: ['key', 'create', '--tenant', 'acme', '--role', 'nobody'], code: 'COMPOSER_INPUT_INVALID' },
    { args: ['key', 'revoke', 'nonsense'], code: 'COMPOSER_KEY_UNKNOWN' },
    { args: ['role', 'set', 'admin', '--tenant', 'acme', '--tools', '*'], code: 'COMPOSER_ROLE_BUILT_IN' },
  ])('refuse $args with 1 and $code', async ({ args, code }) => {
    const ended = await composer.run(...args, '--json');
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/^composer: .+\n$/) });
    expect(JSON.parse(ended.stdout)).toEqual({ error: { code, message: expect.any(String) } });
  });

  it('make a key that is shown once, say how to use it, list it without its secret, and revoke it', async () => {
    const made = await composer.json('key', 'create', '--tenant', 'acme', '--role', 'admin', '--expires', '90d');
    expect(made).toMatchObject({
      id: expect.stringMatching(/^[a-z2-7]{36}$/),
      key: expect.stringMatching(new RegExp(`^mcpc_${made.id}_.{43}$`)),
      tenant: 'acme',
      role: 'admin',
    });
    const days = (new Date(made.expiresAt).getTime() - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(90);
    const text = await composer.run('key', 'create', '--tenant', 'acme', '--role', 'caller', '--name', 'ci');
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(
      /^mcpc_\S+\n\n.*only time that it is shown[\s\S]*Authorization: Bearer[\s\S]*key revoke/,
    );

    const { keys } = await composer.json('key', 'list', '--tenant', 'acme');
    expect(keys.map(({ name, role }: { name: string; role: string }) => [name, role])).toEqual([
      ['ci', 'caller'],
      ['admin', 'admin'],
    ]);
    expect(JSON.stringify(keys)).not.toContain(made.key.slice(-43));
    expect(await composer.json('key', 'revoke', made.id)).toEqual({ id: made.id, tenant: 'acme', revoked: true });
    const listed = await composer.json('key', 'list');
    expect(listed.keys.find(({ id }: { id: string }) => id === made.id).revokedAt).toEqual(expect.any(String));
    const again = await composer.json('key', 'create', '--tenant', 'acme', '--role', 'admin');
    expect(again).toMatchObject({ principal: made.principal, expiresAt: null });
  }, 60_000);

  it('make roles one by one and out of a policy file, whose built-in names they refuse', async () => {
    await composer.json('role', 'set', 'sales', '--tenant', 'acme', '--tools', 'crm_*, mail_send', '--servers', 'shop');
    const file = join(scratch, 'policy.json');
    writeFileSync(file, JSON.stringify({ sales: ['crm_read_*'], support: ['desk_*'], admin: ['*'] }));
    const ended = await composer.run('role', 'import', file, '--tenant', 'acme', '--json');
    expect(ended.code).toBe(1);
    expect(JSON.parse(ended.stdout)).toEqual({
      tenant: 'acme',
      imported: ['sales', 'support'],
      refused: [{ role: 'admin', reason: expect.stringContaining('built-in') }],
    });
    const { roles } = await composer.json('role', 'list', '--tenant', 'acme');
    expect(roles).toMatchObject([
      { name: 'sales', permissions: { tools: ['crm_read_*'], servers: ['shop'], virtual_servers: [] } },
      { name: 'support', permissions: { tools: ['desk_*'] } },
    ]);
    await composer.json('role', 'delete', 'support', '--tenant', 'acme');
    writeFileSync(file, '["no", "policy"]');
    expect((await composer.run('role', 'import', file, '--tenant', 'acme')).stderr).toMatch(/must be JSON like/);
  }, 60_000);

  it('list and disable principals', async () => {
    const { principal } = await composer.json('key', 'create', '--tenant', 'acme', '--role', 'caller', '--name', 'bot');
    await composer.json('principal', 'disable', principal, '--tenant', 'acme');
    const { principals } = await composer.json('principal', 'list', '--tenant', 'acme');
    expect(principals).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: principal, name: 'bot', disabled: true })]),
    );
  }, 60_000);

  it('delete a tenant with everything of it', async () => {
    await composer.json('tenant', 'create', 'globex');
    await composer.json('key', 'create', '--tenant', 'globex', '--role', 'admin');
    expect(await composer.json('tenant', 'delete', 'globex', '--yes')).toEqual({
      tenant: 'globex',
      deleted: true,
      remaining: [],
    });
    const { tenants } = await composer.json('tenant', 'list');
    expect(tenants.map(({ tenant }: { tenant: string }) => tenant)).toEqual(['acme', 'default']);
    expect((await composer.json('key', 'list')).keys.filter(({ tenant }: { tenant: string }) => tenant !== 'acme')).toEqual([]); // prettier-ignore
  }, 60_000);
});

describe('on the embedded database', () => {
  it('the first command makes it, and says what to do instead while a composer has it', async () => {
    const dataDir = join(scratch, 'data');
    const commands = commandLine({ COMPOSER_DATA_DIR: dataDir });
    await commands.json('tenant', 'create', 'acme');
    const running = await startComposer({ dataDir });
    try {
      const { code, stderr } = await commands.run('tenant', 'list');
      expect(code).toBe(1);
      expect(stderr).toMatch(/^composer: process \d+ has the embedded database .* REST API .*\n$/);
      const { body } = await running.api('GET', '/api/v1/tenants');
      expect(body.items.map(({ slug }: { slug: string }) => slug)).toEqual(['acme', 'default']);
    } finally {
      await running.stop();
      commands.remove();
    }
  }, 60_000);
});
