// `npm run property:routing [-- <messages> [<seed>]]`: 40 clients of 10 tenants do random things at members of both eras,
// with the same ids everywhere, until they were sent 100,000 messages. None may come to the wrong client. The same test
// that `npm test` runs with fewer messages. The seed, which is printed, repeats a run.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAX_MESSAGES = 10_000_000;
const MAX_SEED = 2 ** 31 - 1;
/** Ends a run that hangs. */
const START_MS = 300_000;
const PER_MESSAGE_MS = 40;

const messages = Number(process.argv[2] ?? 100_000);
const seed = process.argv[3] === undefined ? undefined : Number(process.argv[3]);
const isWithin = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
if (!isWithin(messages, 1, MAX_MESSAGES) || (seed !== undefined && !isWithin(seed, 0, MAX_SEED))) {
  process.stderr.write(
    `usage: node scripts/routing-property.mjs [messages, 1 to ${MAX_MESSAGES}] [seed, 0 to ${MAX_SEED}]\n`,
  );
  process.exit(2);
}

const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const child = spawn(process.execPath, [...jest, '--silent=false', 'test/e2e/routing'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    ...process.env,
    ROUTING_MESSAGES: String(messages),
    ...(seed === undefined ? {} : { ROUTING_SEED: String(seed) }),
  },
  stdio: 'inherit',
});
const late = setTimeout(() => child.kill('SIGTERM'), START_MS + messages * PER_MESSAGE_MS);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('close', (code) => {
  clearTimeout(late);
  process.exitCode = code ?? 1;
});
