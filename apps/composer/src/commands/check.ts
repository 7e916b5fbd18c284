import { ConfigError, checkSlices } from '#config';
import { Command } from 'commander';
import { print } from './output.js';

interface ConfigurationFault {
  /** Name of the environment variable. */
  readonly variable: string;
  readonly message: string;
}

/** Tells every fault of the configuration, by the names of the variables and never by their values. */
export function checkCommand(): Command {
  return new Command('check')
    .description('Check the configuration and list every fault; nothing is started or changed.')
    .action(async ({ json }: { json?: boolean }) => {
      // Declaring the slices loads most of the application; `--help` must not wait for that.
      const { CONFIGURATION } = await import('../configuration.js');
      const faults = faultsOf(() => checkSlices(CONFIGURATION));
      if (json) print({ valid: faults.length === 0, faults });
      else if (faults.length === 0) print('the configuration is valid');
      else for (const { variable, message } of faults) print(`${variable}: ${message}`);
      if (faults.length > 0) process.exitCode = 1;
    });
}

function faultsOf(check: () => void): ConfigurationFault[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => {
      const [variable = '', ...rest] = problem.split(': ');
      return { variable, message: rest.join(': ') };
    });
  }
}
