import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Ended extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly cwd: string;
  /** The whole environment besides what every program needs: nothing else is inherited. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Leads a process group of its own, which `kill` then signals as a whole. For programs that start others. */
  readonly isGroup?: boolean;
}

const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'SystemRoot'];
const POLL_MS = 10;
const living = new Set<RunningChild>();

// A test run that breaks off leaves nothing running.
process.on('exit', () => living.forEach((child) => child.signal('SIGKILL')));

/** A real process of the test, with everything that it wrote. Whoever starts one ends it. */
export class RunningChild {
  /** When the process has ended and both its streams are closed. */
  readonly ended: Promise<Ended>;
  private exit: Exit | undefined;
  private readonly process: ChildProcess;
  private readonly written = { stdout: '', stderr: '' };

  constructor(
    readonly command: readonly [string, ...string[]],
    private readonly options: ChildOptions,
  ) {
    const [file, ...args] = command;
    const inherited = INHERITED.map((name) => [name, process.env[name]]);
    this.process = spawn(file, args, {
      cwd: options.cwd,
      detached: options.isGroup ?? false,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...Object.fromEntries(inherited), ...options.env },
    });
    for (const name of ['stdout', 'stderr'] as const) {
      this.process[name]?.setEncoding('utf8').on('data', (text: string) => (this.written[name] += text));
    }
    living.add(this);
    this.process.once('exit', () => living.delete(this));
    this.ended = new Promise((resolve, reject) => {
      this.process.once('error', reject);
      this.process.once('close', (code, signal) => {
        this.exit = { code, signal };
        resolve({ code, signal, ...this.written });
      });
    });
    this.ended.catch(() => living.delete(this));
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  get hasEnded(): boolean {
    return this.exit !== undefined;
  }

  get stdout(): string {
    return this.written.stdout;
  }

  get stderr(): string {
    return this.written.stderr;
  }

  /** Everything written until now: what came on stdout, then what came on stderr. */
  get output(): string {
    return this.written.stdout + this.written.stderr;
  }

  /** Waits until what was written on `stream` matches. Fails at once when the process ends without it. */
  async waitFor(stream: 'stdout' | 'stderr' | 'output', pattern: RegExp, withinMs = 60_000): Promise<RegExpExecArray> {
    const giveUp = performance.now() + withinMs;
    for (;;) {
      const hasEnded = this.hasEnded; // before the look: what it wrote last must still be found
      const match = pattern.exec(this[stream]);
      if (match) return match;
      if (hasEnded || performance.now() > giveUp) throw new Error(this.describe(`did not print ${String(pattern)}`));
      await pause(POLL_MS);
    }
  }

  /** Resolves when the process has ended by itself. Kills it and fails when it does not in time. */
  async end(withinMs = 30_000): Promise<Ended> {
    const timer = new AbortController();
    const tooLong = pause(withinMs, undefined, { signal: timer.signal }).catch(() => undefined);
    const ended = await Promise.race([this.ended, tooLong]);
    timer.abort();
    if (ended) return ended;
    this.signal('SIGKILL');
    throw new Error(this.describe(`did not end within ${withinMs} ms`));
  }

  async kill(signal: NodeJS.Signals, withinMs = 15_000): Promise<Ended> {
    this.signal(signal);
    return this.end(withinMs);
  }

  /** Sends a signal and waits for nothing. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.options.isGroup ? -this.pid : this.pid, signal);
    } catch {
      // ESRCH: it has ended already.
    }
  }

  private describe(what: string): string {
    return `${this.command.join(' ')} ${what}\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`;
  }
}
