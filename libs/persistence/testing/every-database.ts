import { describe } from '@jest/globals';
import { openEmbeddedDatabase } from './embedded-database.js';
import type { OpenDatabase, OpenOptions } from './open-database.js';
import { openPostgresDatabase } from './postgres-database.js';

export type Open = (options?: OpenOptions) => Promise<OpenDatabase>;

/** Declares the same tests on the embedded database and on a real Postgres. `open` gives an empty one at each call. */
export function describeOnEveryDatabase(name: string, tests: (open: Open) => void): void {
  describe(`${name}, embedded`, () => tests(openEmbeddedDatabase));
  describe(`${name}, on Postgres`, () => tests(openPostgresDatabase));
}
