import 'reflect-metadata';
import { ComposerError } from '#kernel';
import { CommanderError } from 'commander';
import { commandLine } from './commands/command-line.js';
import { print } from './commands/output.js';

/** Exit codes, for scripts. */
const DONE = 0;
const REFUSED = 1;
const WRONG_USAGE = 2;

/** The command line: works on the database and the configuration of the current environment, without a composer. */
try {
  await commandLine().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  // Commander has told the person already; help that was asked for is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : WRONG_USAGE;
  const { code, message } =
    error instanceof ComposerError ? error : { code: 'COMPOSER_INTERNAL', message: String(error) };
  if (process.argv.includes('--json')) print({ error: { code, message } });
  process.stderr.write(`composer: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  return REFUSED;
}
