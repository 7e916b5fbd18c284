// `npm run property:requests [-- <sets> [<seed>]]`: builds the requests of 20,000 sets of arguments for generated
// operations, and compares each with what an independent library makes of the same arguments. The same test that
// `npm test` runs with fewer sets. Prints the seed, which repeats a run, and how many sets met which known difference.
// Half as many hostile values are sent besides, and what arrives is looked at byte by byte.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';

const MAX_SETS = 1_000_000;
const MAX_SEED = 2 ** 31 - 1;
/** Ends a run that hangs. */
const START_MS = 120_000;
const PER_SET_MS = 40;

const sets = Number(process.argv[2] ?? 20_000);
const seed = Number(process.argv[3] ?? randomInt(MAX_SEED));
const isWithin = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
if (!isWithin(sets, 1_000, MAX_SETS) || !isWithin(seed, 0, MAX_SEED)) {
  process.stderr.write(
    `usage: node scripts/request-property.mjs [sets, 1000 to ${MAX_SETS}] [seed, 0 to ${MAX_SEED}]\n`,
  );
  process.exit(2);
}

const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const child = spawn(process.execPath, [...jest, '--silent=false', 'openapi/(request-oracle|wire-values)'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    ...process.env,
    REQUEST_SETS: String(sets),
    REQUEST_SEED: String(seed),
    WIRE_VALUES: String(Math.ceil(sets / 2)),
  },
  stdio: 'inherit',
});
const late = setTimeout(() => child.kill('SIGTERM'), START_MS + sets * PER_SET_MS);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('close', (code) => {
  clearTimeout(late);
  process.exitCode = code ?? 1;
});
