import type { Dropped, KeyCounts, KeyRotation, Rotated } from '#persistence';
import { Command } from 'commander';
import { withContext } from './application-context.js';
import { print, table } from './output.js';

interface RotateOptions {
  readonly drop?: string;
  readonly json?: boolean;
}

const HOW_TO_ADD =
  'to add a key, put "<id>:<key>" in front of the key ring, with a key from `openssl rand -base64 32`, and type this again; ' +
  'where the ring stands in the environment, restart every process first';

/** Tells how far the key ring is in use, and takes new keys into use and old ones out of it. */
export function keysCommand(): Command {
  return new Command('keys')
    .description('Take new keys of the key ring into use while composers serve, and old ones out of it.')
    .addCommand(statusCommand())
    .addCommand(rotateCommand());
}

function statusCommand(): Command {
  return new Command('status')
    .description('Show which key of the ring seals, and how many keys of tenants each of them wraps.')
    .action(async ({ json }: { json?: boolean }) => {
      const counts = await withRotation((rotation) => rotation.status());
      print(json ? shown(counts) : told(counts));
    });
}

function rotateCommand(): Command {
  return new Command('rotate')
    .description('Wrap everything with the first key of the ring. Makes that key where the ring is a file to write to.')
    .option('--drop <id>', 'instead: take this key out of the ring, which wraps nothing any more')
    .addHelpText(
      'after',
      '\nComposers go on serving. It may be stopped at any moment and typed again. Progress goes to stderr.' +
        '\nExits with 1 if a composer does not take the key over within 30 seconds; nothing was re-wrapped then.',
    )
    .action(async ({ drop, json }: RotateOptions) => {
      if (drop === undefined) await rotate(json);
      else await dropKey(drop, json);
    });
}

async function rotate(json: boolean | undefined): Promise<void> {
  const rotated = await withRotation((rotation) => rotation.rotate(tell)).catch((error: unknown) => {
    if (!isTaken(error)) throw error;
    return undefined;
  });
  if (!rotated) return handOver(json);
  if (json) print(shown(rotated));
  else print(`${outcome(rotated)}\n${told(rotated)}`);
}

/** The composer that has the embedded database re-wraps by itself when it finds a new first key in the file. */
async function handOver(json: boolean | undefined): Promise<void> {
  const { addKeyToFile } = await import('#persistence');
  const added = await addKeyToFile();
  if (json)
    print({ added }); // it seals only when the composer has taken it over
  else print(`new key "${added}" added to the ring; the composer that runs takes it over and re-wraps, see its log`);
}

const isTaken = (error: unknown): boolean => (error as { code?: unknown }).code === 'COMPOSER_DATA_DIR_LOCKED';

async function dropKey(id: string, json: boolean | undefined): Promise<void> {
  const dropped = await withRotation((rotation) => rotation.drop(id));
  if (json) print({ ...shown(dropped), removed: dropped.isRemoved });
  else print(`${farewell(id, dropped)}\n${told(dropped)}`);
}

function outcome({ active, added, rewrapped }: Rotated): string {
  const isNews = added !== undefined || rewrapped > 0;
  return isNews ? `"${active}" wraps everything` : `"${active}" wraps everything already; ${HOW_TO_ADD}`;
}

function farewell(id: string, { isRemoved }: Dropped): string {
  return isRemoved ? `"${id}" is out of the ring` : `"${id}" wraps nothing any more: take it out of the key ring`;
}

function told({ active, sealed }: KeyCounts): string {
  const rows = Object.entries(sealed).map(([id, count]) => [id, String(count), noteOf(id === active, count)]);
  return table(['key', 'wraps', ''], rows);
}

function noteOf(isActive: boolean, count: number): string {
  if (isActive) return 'seals';
  return count === 0 ? 'may be dropped' : 'opens; keep it';
}

const shown = ({ active, sealed }: KeyCounts): KeyCounts => ({ active, sealed });

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

/** With everything that wraps keys: what is missing here would be lost with a key that is dropped. */
async function withRotation<T>(work: (rotation: KeyRotation) => Promise<T>): Promise<T> {
  const [{ AuditModule }, { KeyRotation }] = await Promise.all([import('#audit'), import('#persistence')]);
  return withContext(AuditModule, (app) => work(app.get(KeyRotation, { strict: false })), '');
}
