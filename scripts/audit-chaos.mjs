// `npm run chaos:audit [-- <writes>]`: 10,000 changes of servers on a real Postgres whose audit sink fails at random.
// What was acknowledged must be in the trail and nothing else may; one altered event must be found and named. The same
// test that `npm test` runs with fewer writes. `TEST_DATABASE_URL` names a Postgres to use; without it one is started.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAX_WRITES = 100_000;
/** Ends a run that hangs: a write takes a few milliseconds. */
const PER_WRITE_MS = 100;
const START_MS = 120_000;

const writes = Number(process.argv[2] ?? 10_000);
if (!Number.isInteger(writes) || writes < 100 || writes > MAX_WRITES) {
  process.stderr.write(`usage: node scripts/audit-chaos.mjs [writes, 100 to ${MAX_WRITES}]\n`);
  process.exit(2);
}

const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const child = spawn(process.execPath, [...jest, '--silent=false', 'libs/registry/src/audited-changes'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, AUDIT_CHAOS_WRITES: String(writes) },
  stdio: 'inherit',
});
const late = setTimeout(() => child.kill('SIGTERM'), START_MS + writes * PER_WRITE_MS);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('close', (code) => {
  clearTimeout(late);
  process.exitCode = code ?? 1;
});
