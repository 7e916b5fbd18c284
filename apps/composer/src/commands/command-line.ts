import { Command } from 'commander';
import { auditCommand } from './audit.js';
import { checkCommand } from './check.js';
import { keyCommand } from './key.js';
import { keysCommand } from './keys.js';
import { migrateCommand } from './migrate.js';
import { principalCommand } from './principal.js';
import { revokeCommand } from './revoke.js';
import { roleCommand } from './role.js';
import { stdioCommand } from './stdio.js';
import { tenantCommand } from './tenant.js';

/** All commands. A wrong usage ends with an exception of commander's instead of the process. */
export function commandLine(): Command {
  const program = new Command('composer')
    .description('Manages MCP Composer from the command line, on the database of the current environment.')
    .addHelpText('after', '\nExit codes: 0 done, 1 refused, 2 wrong usage.')
    .exitOverride()
    .showHelpAfterError('(--help shows what is possible)');
  const commands = [
    ...[migrateCommand(), checkCommand(), tenantCommand(), keyCommand(), roleCommand(), principalCommand()],
    ...[keysCommand(), auditCommand(), revokeCommand()],
  ];
  for (const command of commands) program.addCommand(prepared(command, program));
  // What it prints are messages, and nothing else.
  program.addCommand(stdioCommand().copyInheritedSettings(program));
  return program;
}

/** Every command that does something takes `--json`, and behaves in case of wrong usage as the program does. */
function prepared(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const part of command.commands) prepared(part, command);
  return command.commands.length > 0 ? command : command.option('--json', 'print one line of JSON');
}
