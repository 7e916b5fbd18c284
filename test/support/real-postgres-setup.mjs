import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startRealPostgres } from './real-postgres.mjs';

/**
 * One Postgres per Jest run: `TEST_DATABASE_URL` where it is given, else a server of our own. The workers find
 * the superuser's URL in `TEST_DATABASE_URL`, and in `TEST_RUN_DIR` a folder whose name sets this run apart.
 */
export default async function setUp() {
  if (process.env.TEST_DATABASE_URL) {
    await reach(process.env.TEST_DATABASE_URL);
  } else {
    globalThis.realPostgres = await startRealPostgres();
    process.env.TEST_DATABASE_URL = globalThis.realPostgres.url;
  }
  process.env.TEST_RUN_DIR = mkdtempSync(join(tmpdir(), `mcpc-run-${randomBytes(4).toString('hex')}-`));
}

async function reach(url) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    const { rows } = await client.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user');
    if (!rows[0].rolsuper) throw new Error('its role is no superuser');
  } catch (error) {
    throw new Error(`tests need a real Postgres, and TEST_DATABASE_URL cannot be used: ${error.message}`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}
