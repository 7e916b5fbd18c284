import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { signalGroup } from '../test/children.mjs';

/** Longer than the suite gives one scenario (30 s), times what a loaded machine takes for all of them. */
const RUN_MS = 10 * 60_000;
const running = new Set();
process.once('exit', () => running.forEach((child) => signalGroup(child, 'SIGKILL')));

/**
 * Runs the suite once: `args` say against what, `runs` which scenarios its results are wanted of. The suite's own
 * verdict is not asked: it takes a scenario without a single check for a passed one.
 */
export async function runSuite({ node, entry }, { args, runs, folder, env = {} }) {
  mkdirSync(folder, { recursive: true });
  const output = await outputOf(node, [entry, ...args, '-o', folder], env);
  return runs.map((run) => ({ ...run, checks: checksOf(run, folder), output }));
}

function checksOf({ leg, scenario }, folder) {
  const place = join(folder, leg === 'server' ? `server-${scenario}` : scenario);
  const [above, name] = [join(place, '..'), place.split(/[\\/]/).at(-1)];
  if (!existsSync(above)) return undefined;
  // The suite adds the time to the name, and one name may begin with another one.
  const found = readdirSync(above).filter((entry) => /^-\d{4}-\d{2}-\d{2}T/.test(after(entry, name)));
  const file = found.length > 0 && join(above, found.sort().at(-1), 'checks.json');
  return file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

const after = (text, beginning) => (text.startsWith(beginning) ? text.slice(beginning.length) : '');

function outputOf(node, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env, NO_COLOR: '1' },
      timeout: RUN_MS,
      killSignal: 'SIGKILL',
    });
    running.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-1_000_000)));
    }
    child.once('error', reject);
    child.once('close', () => {
      signalGroup(child, 'SIGKILL');
      running.delete(child);
      resolve(output);
    });
  });
}
