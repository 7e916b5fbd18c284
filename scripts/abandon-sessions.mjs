// `npm run abandon:sessions [-- <sessions>]`: opens 10,000 sessions of clients with handshake, each with its stream, kills
// half of the clients and stops the others, and shows that the composer closes their sockets and gives back what they held.
// The same test that `npm test` runs with fewer sessions. Takes two descriptors for each.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A process of the composer holds no more streams. */
const MAX_SESSIONS = 10_000;
/** Ends a run that hangs. */
const START_MS = 600_000;
const PER_SESSION_MS = 100;

const sessions = Number(process.argv[2] ?? MAX_SESSIONS);
if (!Number.isInteger(sessions) || sessions < 2 || sessions > MAX_SESSIONS) {
  process.stderr.write(`usage: node scripts/abandon-sessions.mjs [sessions, 2 to ${MAX_SESSIONS}]\n`);
  process.exit(2);
}

const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const child = spawn(process.execPath, [...jest, '--silent=false', 'test/e2e/abandoned-sessions'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, ABANDONED_SESSIONS: String(sessions) },
  stdio: 'inherit',
});
const late = setTimeout(() => child.kill('SIGTERM'), START_MS + sessions * PER_SESSION_MS);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('close', (code) => {
  clearTimeout(late);
  process.exitCode = code ?? 1;
});
