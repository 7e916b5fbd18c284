import { realpath, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { ServerConfig, StdioServerConfig } from '../server-config.schema.js';
import { stdioConfig } from './stdio.config.js';
import { StdioRefusedError } from './stdio.errors.js';

/** What is to be started, as the operator allows it at this moment. */
export interface StdioCommand {
  /** The file itself, and no link to it. */
  readonly file: string;
  readonly args: readonly string[];
  /** All that the process sees of an environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Where a process runs that was given no place: nothing lies there that it would read by itself. */
const NOWHERE = '/';

const OFF =
  'may not be started: this composer starts no processes. Its operator lists the commands that it may start in STDIO_ALLOWLIST';
const UNLISTED = 'is none of the commands that this composer may start: its operator lists them in STDIO_ALLOWLIST';

/**
 * Judges a member's command by the operator's list, anew each time: a file that was exchanged for a link since then counts
 * as where the link leads. Commands that are not there and commands that are not listed are told apart by nobody.
 *
 * @throws StdioRefusedError
 */
export async function stdioCommandOf({ command, args, env, cwd }: StdioServerConfig): Promise<StdioCommand> {
  const { allowed } = stdioConfig();
  if (allowed.length === 0) throw new StdioRefusedError({ path: 'command', message: OFF });
  if (!isAbsolute(command)) throw new StdioRefusedError({ path: 'command', message: 'must be an absolute path' });
  const file = await realOf(command);
  const listed = await Promise.all(allowed.map(realOf));
  if (file === undefined || !listed.includes(file)) throw new StdioRefusedError({ path: 'command', message: UNLISTED });
  return { file, args, env, cwd: await checkedFolder(cwd) };
}

/** Refuses a member that would be a process that the operator does not allow; every other one passes. */
export async function refuseUnlisted(config: ServerConfig): Promise<ServerConfig> {
  if (config.type === 'stdio') await stdioCommandOf(config);
  return config;
}

async function realOf(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

async function checkedFolder(cwd: string | undefined): Promise<string> {
  if (cwd === undefined) return NOWHERE;
  const isFolder = isAbsolute(cwd) && (await stat(cwd).catch(() => undefined))?.isDirectory();
  if (isFolder) return cwd;
  throw new StdioRefusedError({ path: 'cwd', message: "is not the absolute path of a folder on the composer's host" });
}
