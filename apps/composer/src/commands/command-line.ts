import { Command } from 'commander';
import { checkCommand } from './check.js';
import { migrateCommand } from './migrate.js';

/** All commands. A wrong usage ends with an exception of commander's instead of the process. */
export function commandLine(): Command {
  const program = new Command('composer')
    .description('Manages MCP Composer from the command line, on the database of the current environment.')
    .addHelpText('after', '\nExit codes: 0 done, 1 refused, 2 wrong usage.')
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)');
  for (const command of [migrateCommand(), checkCommand()]) {
    program.addCommand(command.option('--json', 'print one line of JSON').copyInheritedSettings(program));
  }
  return program;
}
