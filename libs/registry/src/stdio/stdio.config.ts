import { isAbsolute } from 'node:path';
import { ConfigError, configSlice, environment } from '#config';
import { z } from 'zod';

export interface StdioConfig {
  /** Absolute paths of the commands that members may be started with; empty: nothing is ever started. */
  readonly allowed: readonly string[];
  /** How many processes of members may run at a time, of all tenants. */
  readonly maxProcesses: number;
  /** Old names of `STDIO_ALLOWLIST` that are given, to be warned of. */
  readonly aliases: readonly string[];
}

const ALIAS = 'MCP_COMPOSER_STDIO_ALLOWLIST';

/**
 * `STDIO_ALLOWLIST`, absolute paths with commas between them: the operator's word alone lets members be processes.
 * `MCP_COMPOSER_STDIO_ALLOWLIST` is what it was called before; it does not count where the new name is given, even empty.
 */
export const stdioConfig = configSlice(
  'stdio',
  z.object({
    STDIO_ALLOWLIST: z.string().optional(),
    MCP_COMPOSER_STDIO_ALLOWLIST: z.string().optional(),
    STDIO_MAX_PROCESSES: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(10_000, 'must be 10000 at most')
      .default(32),
  }),
  ({ STDIO_ALLOWLIST, STDIO_MAX_PROCESSES, MCP_COMPOSER_STDIO_ALLOWLIST: old }): StdioConfig => {
    const isEmptied = environment()['STDIO_ALLOWLIST'] === '';
    const usesAlias = STDIO_ALLOWLIST === undefined && old !== undefined && !isEmptied;
    const name = usesAlias ? ALIAS : 'STDIO_ALLOWLIST';
    const entries = ((usesAlias ? old : STDIO_ALLOWLIST) ?? '').split(',').map((entry) => entry.trim());
    const allowed = entries.filter((entry) => entry !== '');
    const at = allowed.findIndex((entry) => !isAbsolute(entry));
    if (at >= 0) throw new ConfigError([`${name}: entry ${at + 1} is not an absolute path`]);
    return { allowed, maxProcesses: STDIO_MAX_PROCESSES, aliases: old === undefined ? [] : [ALIAS] };
  },
);
