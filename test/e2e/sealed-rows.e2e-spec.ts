import { createHash } from 'node:crypto';
import { asSuperuser } from '#persistence/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { type InProcessComposer, startInProcess } from '../fixtures/in-process-composer.js';
import type { HttpAnswer } from '../fixtures/mcp-clients.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { TenantClient, commandLines, hostedEnv, keyCommand } from '../fixtures/tenant-client.js';
import { type TwoRoles, openTwoRoles } from '../fixtures/two-roles.js';

/** Somebody writes into the database who holds no key, and the composer reads what is there then. */
type Slug = 'acme' | 'globex';
const SLUGS = ['acme', 'globex'] as const;
const ROWS = ['one', 'two'] as const;
const CANARY = 'canary-7Qz';
const BROKEN = 'COMPOSER_SEAL_BROKEN';
const TAG = 5;
const MOST_BITS = 128;

/** One sealed value, where it lies, and how the composer is brought to read it. */
interface SealedValue {
  readonly id: () => string;
  readonly row: string;
  readonly tenant: Slug;
  readonly read: () => Promise<HttpAnswer>;
}

interface Kind {
  readonly name: string;
  readonly table: string;
  /** The column that the value stands in, as SQL. */
  readonly column: string;
  /** What the column becomes, as SQL, with the value in `$1`. */
  readonly becomes: string;
  readonly values: readonly SealedValue[];
  /** Whether reading it writes it anew, in its next generation. */
  readonly isSealedAnew: boolean;
  /** Whether an answer tells that the value was not opened. */
  readonly refuses: (answer: HttpAnswer) => boolean;
}

let database: TwoRoles;
let composer: InProcessComposer;
let service: RestService;
const admins = new Map<Slug, TenantClient>();
const clients = new Map<string, { readonly client_id: string; readonly client_secret: string }>();
const everything: { readonly tenant: Slug; readonly row: string }[] = SLUGS.flatMap((tenant) =>
  ROWS.map((row) => ({ tenant, row })),
);

beforeAll(async () => {
  database = await openTwoRoles();
  service = await startRestService({
    check: ({ headers }) => headers.authorization?.startsWith(`Bearer ${CANARY}`) === true,
  });
  const env = hostedEnv(database.env);
  const tenants = SLUGS.map((slug) => ['tenant', 'create', slug]);
  const keys = (await commandLines(env, [...tenants, ...SLUGS.map((slug) => keyCommand(slug, 'admin'))])).slice(
    -SLUGS.length,
  );
  composer = await startInProcess(env);
  for (const [at, slug] of SLUGS.entries()) admins.set(slug, new TenantClient(composer, keys[at].key));
  for (const { tenant, row } of everything) await furnish(tenant, row);
}, 180_000);
afterAll(async () => {
  await composer?.stop();
  await service?.stop();
  await database?.remove();
}, 60_000);

async function furnish(tenant: Slug, row: string): Promise<void> {
  const admin = admins.get(tenant)!;
  const secret = `${CANARY}-${tenant}-${row}`;
  const auth = { auth_strategy: 'bearer', auth: { token: secret } };
  await made(admin.api('POST', '/servers', service.member(row, { ...auth, tool_auth: { list_orders: auth } })));
  await made(admin.api('PUT', `/issuers/${row}`, issuer(row, secret)));
  const { id } = await made(admin.api('POST', '/principals', { name: row, roles: ['caller'] }));
  const client = await made(admin.api('POST', '/oauth-clients', { name: row, principal_id: id }));
  clients.set(`${tenant}/${row}`, client as never);
}

async function made(answering: Promise<HttpAnswer>): Promise<Record<string, unknown>> {
  const { status, text, json } = await answering;
  if (status > 201) throw new Error(`${status} ${text}`);
  return json;
}

const issuer = (row: string, client_secret: unknown): object => ({
  issuer: `http://127.0.0.1:1/${row}`,
  kind: 'introspection',
  introspection_url: `http://127.0.0.1:1/${row}/introspect`,
  client_id: 'composer',
  client_secret,
});

async function tokenFor(tenant: Slug, row: string): Promise<HttpAnswer> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...clients.get(`${tenant}/${row}`) });
  const answer = await fetch(`${composer.url}/t/${tenant}/token`, { method: 'POST', body });
  const text = await answer.text();
  return { status: answer.status, headers: {}, text, json: JSON.parse(text) };
}

const isBroken = ({ json }: HttpAnswer): boolean => json.code === BROKEN;
const values = (
  read: (tenant: Slug, row: string) => Promise<HttpAnswer>,
  idOf = (_: Slug, row: string): string => row,
): SealedValue[] =>
  everything.map(({ tenant, row }) => ({ id: () => idOf(tenant, row), row, tenant, read: () => read(tenant, row) }));
/** Reads every secret of a server, to keep it. */
const relabel = (tenant: Slug, row: string) => admins.get(tenant)!.api('PATCH', `/servers/${row}`, { label: 'read' });

/** Records are stored under the hash of their name. */
const hashOfClient = (tenant: Slug, row: string): string =>
  createHash('sha256')
    .update(clients.get(`${tenant}/${row}`)!.client_id)
    .digest('base64url');

const KINDS: readonly Kind[] = [
  {
    name: 'secret of a server',
    table: 'servers',
    column: `secrets->>'/auth/token'`,
    becomes: `secrets = jsonb_set(secrets, '{/auth/token}', to_jsonb($1::text))`,
    values: values(relabel),
    isSealedAnew: true,
    refuses: isBroken,
  },
  {
    name: 'client secret of an issuer',
    table: 'issuers',
    column: 'sealed_secret',
    becomes: 'sealed_secret = $1',
    values: values((tenant, row) => admins.get(tenant)!.api('PUT', `/issuers/${row}`, issuer(row, { set: true }))),
    isSealedAnew: true,
    refuses: isBroken,
  },
  {
    name: 'record of an OAuth client',
    table: 'authorization_records',
    column: 'payload',
    becomes: 'payload = $1',
    values: values(tokenFor, hashOfClient),
    isSealedAnew: false,
    refuses: ({ json }) => json.error === 'server_error',
  },
];

describe.each(KINDS)('the sealed $name', ({ table, column, becomes, values: all, isSealedAnew, refuses }) => {
  const [first, second] = all.filter(({ tenant }) => tenant === 'acme') as [SealedValue, SealedValue];
  const foreign = all.find(({ tenant, row }) => tenant === 'globex' && row === first.row)!;
  const where = `id = $2 AND tenant_id = (SELECT id FROM tenants WHERE slug = $3)`;

  const get = (admin: Client, { id, tenant }: SealedValue): Promise<string> =>
    admin
      .query(`SELECT ${column} AS value FROM ${table} WHERE $1::text IS NULL AND ${where}`, [null, id(), tenant])
      .then(({ rows }) => (rows[0] as { value: string }).value);
  const put = (admin: Client, { id, tenant }: SealedValue, value: string) =>
    admin.query(`UPDATE ${table} SET ${becomes} WHERE ${where}`, [value, id(), tenant]);

  /** Puts another value there, has it read, and puts the right one back. */
  async function expectRefused(change: (own: string, admin: Client) => string | Promise<string>): Promise<void> {
    await asSuperuser(async (admin) => {
      const own = await get(admin, first);
      const other = await change(own, admin);
      expect(other).not.toBe(own);
      await put(admin, first, other);
      const answer = await first.read();
      await put(admin, first, own);
      expect([refuses(answer), answer.status, answer.text]).toEqual([true, expect.any(Number), answer.text]);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      for (const word of [CANARY, own, other, ...other.split('.').slice(2)]) {
        if (word.length > 3) expect(answer.text).not.toContain(word);
      }
    }, database.name);
  }

  it('opens where it belongs', async () => {
    for (const { read } of all) expect((await read()).status).toBeLessThan(300);
  });

  it('does not open in another row, in another tenant, or when it is an older one', async () => {
    await expectRefused((_, admin) => get(admin, second));
    await expectRefused((_, admin) => get(admin, foreign));
    if (!isSealedAnew) return;
    const older = await asSuperuser((admin) => get(admin, first), database.name);
    expect((await first.read()).status).toBeLessThan(300);
    await expectRefused(() => older);
  });

  it('does not open with a tag of 4 to 15 bytes, nor with none', async () => {
    for (const length of [0, 4, 8, 12, 13, 14, 15]) {
      await expectRefused((own) => {
        const parts = own.split('.');
        const tag = Buffer.from(parts[TAG]!, 'base64url').subarray(0, length);
        return parts.with(TAG, tag.toString('base64url')).join('.');
      });
    }
  });

  it.each([
    ['nonce', 3],
    ['ciphertext', 4],
    ['tag', TAG],
  ])('does not open with any bit of its %s turned', async (_, part) => {
    const own = await asSuperuser((admin) => get(admin, first), database.name);
    const bits = Buffer.from(own.split('.')[part]!, 'base64url').length * 8;
    const step = Math.ceil(bits / MOST_BITS); // long ones are turned bit by bit in the spec of the sealer
    for (let bit = 0; bit < bits; bit += step) {
      await expectRefused((value) => {
        const parts = value.split('.');
        const bytes = Buffer.from(parts[part]!, 'base64url');
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        return parts.with(part, bytes.toString('base64url')).join('.');
      });
    }
  });

  it('leaves everything else as it was', async () => {
    for (const { read } of all) expect((await read()).status).toBeLessThan(300);
  });
});

describe('two secrets of one server', () => {
  it('do not open in each other’s place', async () => {
    await asSuperuser(async (admin) => {
      const { rows } = await admin.query<{ secrets: Record<string, string> }>(
        `SELECT secrets FROM servers WHERE id = 'one' AND tenant_id = (SELECT id FROM tenants WHERE slug = 'acme')`,
      );
      const { secrets } = rows[0]!;
      const places = Object.keys(secrets);
      expect(places).toHaveLength(2);
      const write = (value: object) =>
        admin.query(
          `UPDATE servers SET secrets = $1 WHERE id = 'one' AND tenant_id = (SELECT id FROM tenants WHERE slug = 'acme')`,
          [JSON.stringify(value)],
        );
      const [one, two] = places as [string, string];
      await write({ [one]: secrets[two], [two]: secrets[one] });
      expect(isBroken(await relabel('acme', 'one'))).toBe(true);
      await write(secrets);
      expect((await relabel('acme', 'one')).status).toBe(200);
    }, database.name);
  });
});
