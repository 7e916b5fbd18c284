import { basename } from 'node:path';

/** The temporary folder of this Jest run. */
export function runDirectory(): string {
  return given('TEST_RUN_DIR');
}

/** Sets names that live beside those of other runs apart. */
export function runId(): string {
  return basename(runDirectory()).split('-')[2]!;
}

/** URL of the superuser of the Postgres for tests. */
export function superuserUrl(): string {
  return given('TEST_DATABASE_URL');
}

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run Jest with test/support/real-postgres-setup.mjs as globalSetup`);
  return value;
}
