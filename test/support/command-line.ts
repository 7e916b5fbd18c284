import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Ended, RunningChild } from './child-process.js';

const CLI = fileURLToPath(new URL('../../dist/apps/composer/src/cli.js', import.meta.url));

export interface CommandLine {
  /** Runs one command and gives what it wrote. */
  run(...args: readonly string[]): Promise<Ended>;
  /** Runs one command that must succeed, with `--json`, and gives its one line. What it logs on stderr is no failure. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read into it without declaring every shape
  json(...args: readonly string[]): Promise<any>;
  remove(): void;
}

/** The command line in an environment of its own. The working directory is empty, so that no `.env` gets in. */
export function commandLine(env: Readonly<Record<string, string>>): CommandLine {
  const cwd = mkdtempSync(join(tmpdir(), 'composer-cli-'));
  const run = (...args: readonly string[]): Promise<Ended> =>
    new RunningChild([process.execPath, CLI, ...args], { cwd, env }).end(60_000);
  return {
    run,
    json: async (...args) => {
      const { code, stdout, stderr } = await run(...args, '--json');
      if (code !== 0 || stdout.split('\n').length !== 2) {
        throw new Error(`${args.join(' ')} gave ${code}: ${stdout}${stderr}`);
      }
      return JSON.parse(stdout);
    },
    remove: () => rmSync(cwd, { recursive: true, force: true }),
  };
}
