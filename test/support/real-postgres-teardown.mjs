import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import pg from 'pg';

/** Stops our own server; on somebody else's, removes every database and role of this run. */
export default async function tearDown() {
  const directory = process.env.TEST_RUN_DIR;
  if (globalThis.realPostgres) await globalThis.realPostgres.stop();
  else await cleanUp(basename(directory).split('-')[2]);
  rmSync(directory, { recursive: true, force: true });
}

async function cleanUp(run) {
  const client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
  await client.connect();
  try {
    const databases = await client.query(
      `SELECT format('DROP DATABASE %I WITH (FORCE)', datname) AS statement FROM pg_database WHERE datname LIKE $1`,
      [`mcpc_${run}_%`],
    );
    for (const { statement } of databases.rows) await client.query(statement);
    const roles = await client.query(
      `SELECT format('DROP ROLE %I', rolname) AS statement FROM pg_roles WHERE rolname LIKE $1`,
      [`mcpc_${run}_%`],
    );
    for (const { statement } of roles.rows) await client.query(statement);
  } finally {
    await client.end();
  }
}
