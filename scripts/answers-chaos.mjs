// `npm run chaos:answers [-- <rounds>]`: members of every transport answer with a gigabyte, a gzip bomb, endless streams, a
// byte a second and the like, 20 times each, while another member is called all the time. Each call gets an error that says
// what happened; the composer's memory and the other member's calls are measured. The same test that `npm test` runs with
// one round.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAX_ROUNDS = 1_000;
/** Ends a run that hangs. */
const START_MS = 240_000;
const PER_ROUND_MS = 60_000;

const rounds = Number(process.argv[2] ?? 20);
if (!Number.isInteger(rounds) || rounds < 2 || rounds > MAX_ROUNDS) {
  process.stderr.write(`usage: node scripts/answers-chaos.mjs [rounds, 2 to ${MAX_ROUNDS}]\n`);
  process.exit(2);
}

const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const child = spawn(process.execPath, [...jest, '--silent=false', 'test/e2e/hostile-answers'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, HOSTILE_ROUNDS: String(rounds) },
  stdio: 'inherit',
});
const late = setTimeout(() => child.kill('SIGTERM'), START_MS + rounds * PER_ROUND_MS);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('close', (code) => {
  clearTimeout(late);
  process.exitCode = code ?? 1;
});
