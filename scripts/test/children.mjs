import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

const GRACE_MS = 5_000;
const DRAIN_MS = 1_000;

/**
 * The processes of one test run. Each leads a process group of its own, so that whatever it starts, a database
 * server for instance, ends with it.
 */
export class Children {
  #running = new Set();
  #stopping = false;

  constructor(root) {
    this.root = root;
    process.once('exit', () => this.#signal('SIGKILL'));
  }

  /** Runs `node …args`. Resolves with the exit code and with what it wrote on both streams (`keep: false`: nothing). */
  async run(args, { keep = true, onStderr = () => undefined, onStart = () => undefined } = {}) {
    if (this.#stopping) return { code: 1, output: '' };
    const child = spawn(process.execPath, args, {
      cwd: this.root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: withColours(process.stdout.isTTY),
    });
    this.#running.add(child);
    const output = [];
    const collect = (chunk) => {
      if (keep) output.push(chunk);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect).on('data', onStderr);
    onStart(child);
    const closed = new Promise((resolve) => child.once('close', resolve));
    const code = await exitCodeOf(child);
    // What the leader left behind in its group has no owner any more, and may hold the pipes open.
    signalGroup(child, 'SIGKILL');
    await Promise.race([closed, pause(DRAIN_MS, undefined, { ref: false })]);
    this.#running.delete(child);
    return { code, output: Buffer.concat(output).toString('utf8') };
  }

  /** SIGINT first: a Postgres in the group then shuts down fast and cleanly. */
  async stop() {
    this.#stopping = true;
    this.#signal('SIGINT');
    const giveUp = Date.now() + GRACE_MS;
    while (this.#running.size > 0 && Date.now() < giveUp) await pause(50);
    this.#signal('SIGKILL');
  }

  #signal(signal) {
    for (const child of this.#running) signalGroup(child, signal);
  }
}

/** Tools see a pipe, so they must be told whether a person reads along. Some take a FORCE_COLOR of 0 for a yes. */
function withColours(wanted) {
  const { FORCE_COLOR: _force, NO_COLOR: _none, ...env } = process.env;
  return { ...env, ...(wanted ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }) };
}

function exitCodeOf(child) {
  return new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

export function signalGroup({ pid }, signal) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: the whole group is gone already.
  }
}
