// `npm run chaos:rotation [-- <tenants> [<kills>]]`: rotates the key ring over the data keys of 10,000 tenants on a real
// Postgres while two processes seal and open, then kills ten rotations in their middle. Nobody may fail, and everything
// must open in the end under the new key alone. The same test that `npm test` runs with fewer tenants.
// `TEST_DATABASE_URL` names a Postgres to use; without it one is started.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAX_TENANTS = 100_000;
const MAX_KILLS = 100;
/** Ends a run that hangs. */
const START_MS = 300_000;
const PER_TENANT_MS = 40;
const PER_KILL_MS = 60_000;

const tenants = Number(process.argv[2] ?? 10_000);
const kills = Number(process.argv[3] ?? 10);
const isWithin = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
if (!isWithin(tenants, 500, MAX_TENANTS) || !isWithin(kills, 0, MAX_KILLS)) {
  process.stderr.write(
    `usage: node scripts/rotation-chaos.mjs [tenants, 500 to ${MAX_TENANTS}] [kills, 0 to ${MAX_KILLS}]\n`,
  );
  process.exit(2);
}

const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const child = spawn(process.execPath, [...jest, '--silent=false', 'test/e2e/key-rotation-load'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, KEY_ROTATION_TENANTS: String(tenants), KEY_ROTATION_KILLS: String(kills) },
  stdio: 'inherit',
});
const late = setTimeout(() => child.kill('SIGTERM'), START_MS + tenants * PER_TENANT_MS + kills * PER_KILL_MS);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('close', (code) => {
  clearTimeout(late);
  process.exitCode = code ?? 1;
});
