import { spawn } from 'node:child_process';

/** A failure that the person at the terminal can act on: its message is all they see of us. */
export class PrepareFailure extends Error {}

const KEPT_OUTPUT = 256 * 1024;

/**
 * Runs one npm command quietly. Its output appears, on stderr, only if it fails; then `failed` says what to do.
 * A signal that ends this process ends the command as well.
 */
export async function npm(root, args, { failed }) {
  const output = [];
  let size = 0;
  const [command, ...before] = npmCommand();
  const child = spawn(command, [...before, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const keep = (chunk) => {
    output.push(chunk);
    size += chunk.length;
    while (size > KEPT_OUTPUT && output.length > 1) size -= output.shift().length;
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);

  const stop = (signal) => child.kill(signal);
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
  try {
    const { code, signal, error } = await ended(child);
    if (code === 0) return;
    process.stderr.write(Buffer.concat(output));
    if (signal) throw new PrepareFailure(`stopped by ${signal} during \`npm ${args.join(' ')}\``);
    throw new PrepareFailure(error ? `npm could not be run (${error.code}): is it on the PATH?` : failed);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop);
  }
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

/** The npm that runs us, so that a version chosen by the user is kept; else the one on the PATH. */
function npmCommand() {
  const running = process.env.npm_execpath;
  if (running && /\bnpm-cli\.c?js$/.test(running)) return [process.execPath, running];
  return ['npm'];
}
