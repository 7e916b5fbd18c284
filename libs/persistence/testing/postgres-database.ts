import { createHmac, randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { type OpenDatabase, type OpenOptions, openDatabase } from './open-database.js';
import { runId, superuserUrl } from './run-directory.js';

const TEMPLATE_LOCK = 0x74657374;
/** duplicate_object, and unique_violation when another worker makes the same role at the same moment. */
const MADE_MEANWHILE = ['42710', '23505'];

/** A migrated database of its own on the real Postgres, reached as two roles: one owns the tables, one works. */
export async function openPostgresDatabase(options: OpenOptions = {}): Promise<OpenDatabase> {
  const template = `mcpc_${runId()}_template`;
  await asSuperuser((admin) => buildTemplate(admin, template));
  return openFresh(roleName('app'), roleName('owner'), { ...options, template });
}

export interface FreshOptions extends OpenOptions {
  /** The database to copy; an empty one unless given. */
  readonly template?: string;
}

/** A database that belongs to `owner`, opened with the URLs of these two roles; removed when it is closed. */
export async function openFresh(app: string, owner: string, options: FreshOptions = {}): Promise<OpenDatabase> {
  const name = `mcpc_${runId()}_${randomBytes(6).toString('hex')}`;
  const { template = 'template0', ...rest } = options;
  await asSuperuser((admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${owner}`));
  const drop = () => asSuperuser((admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  try {
    const config = { type: 'postgres', url: urlOf(app, name), migrationUrl: urlOf(owner, name) } as const;
    const open = await openDatabase(config, rest);
    const close = async (): Promise<void> => {
      await open.close();
      await drop();
    };
    return { ...open, close };
  } catch (error) {
    await drop();
    throw error;
  }
}

/** A login role of this run, made on first use. `attributes` as CREATE ROLE takes them. */
export async function createRole(label: string, attributes = ''): Promise<string> {
  const role = roleName(label);
  await asSuperuser(async (admin) => {
    const { rowCount } = await admin.query(`SELECT FROM pg_roles WHERE rolname = $1`, [role]);
    if (rowCount !== 0) return;
    const made = admin.query(`CREATE ROLE ${role} LOGIN ${attributes} PASSWORD '${passwordOf(role)}'`);
    await made.catch((error: { code?: string }) => {
      if (!MADE_MEANWHILE.includes(error.code ?? '')) throw error;
    });
  });
  return role;
}

/** Runs `work` on one connection of the superuser. */
export async function asSuperuser<T>(work: (admin: Client) => Promise<T>, database?: string): Promise<T> {
  const url = new URL(superuserUrl());
  if (database !== undefined) url.pathname = `/${database}`;
  const admin = new Client({ connectionString: url.href });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/** URL of the test server for a role that `createRole` made; of the superuser for its own name. */
export function urlOf(role: string, database: string): string {
  const url = new URL(superuserUrl());
  url.pathname = `/${database}`;
  if (role !== url.username) {
    url.username = role;
    url.password = passwordOf(role);
  }
  return url.href;
}

async function buildTemplate(admin: Client, name: string): Promise<void> {
  await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]); // until this connection ends
  const { rowCount } = await admin.query(`SELECT FROM pg_database WHERE datname = $1`, [name]);
  if (rowCount !== 0) return;
  const [app, owner] = [await createRole('app'), await createRole('owner')];
  const building = `${name}_building`;
  await admin.query(`DROP DATABASE IF EXISTS ${building} WITH (FORCE)`);
  await admin.query(`CREATE DATABASE ${building} TEMPLATE template0 OWNER ${owner}`);
  const open = await openDatabase({
    type: 'postgres',
    url: urlOf(app, building),
    migrationUrl: urlOf(owner, building),
  });
  await open.close();
  await admin.query(`ALTER DATABASE ${building} RENAME TO ${name}`);
}

const roleName = (label: string): string => `mcpc_${runId()}_${label}`;

const passwordOf = (role: string): string =>
  createHmac('sha256', superuserUrl()).update(role).digest('hex').slice(0, 24);
