import { type ChildProcess, spawn } from 'node:child_process';
import { noteDiscarded } from '#egress';
import type { Log } from '#observability';
import type { StdioCommand } from '#registry';
import type { Deadlines } from '../wire/deadlines.js';
import { ErrorLines } from './error-lines.js';

/** Bytes that wait for the process to read them, one message more at most. */
const MAX_QUEUED = 4 * 1024 * 1024;
/** Bytes of its stderr that are read in a second: whoever writes more has to wait, and not everybody else. */
const MAX_ERRORS = 4 * 1024 * 1024;
/** After its stdin was closed, and after SIGTERM, so long may it take to end. */
const CLOSING_MS = 2_000;
const TERM_MS = 5_000;
/** What it has written is read so long after its end, if somebody else holds the pipe. */
const LINGER_MS = 1_000;
const SECOND_MS = 1_000;

export interface ProcessListener {
  /** Something came on its stdout. */
  output(chunk: Buffer): void;
  /** It is over, or of no more use. Told once. */
  ended(how: string): void;
}

export interface ProcessParts {
  readonly command: StdioCommand;
  readonly deadlines: Deadlines;
  readonly log: Log;
  /** Told once, when no process of its group is left. */
  readonly onGone: (process: MemberProcess) => void;
}

/**
 * One process of a member: started without a shell, with an environment of its own and in a process group of its own, so
 * that whatever it starts ends with it.
 */
export class MemberProcess {
  private readonly child: ChildProcess;
  private readonly errors: ErrorLines;
  private readonly gone: Promise<void>;
  /** No process of its group is left, or none that could be ended. */
  private leave: () => void = () => undefined;
  private listener: ProcessListener | undefined;
  private isOver = false;
  private isStopping = false;
  private isLeft = false;
  private errorBytes = 0;
  private errorsCountedAt = 0;
  private areErrorsHeld = false;

  /** Throws what the system says if the process cannot even be tried; what it says later is told as its end. */
  constructor(private readonly parts: ProcessParts) {
    const { file, args, env, cwd } = parts.command;
    this.errors = new ErrorLines(parts.log);
    this.child = spawn(file, [...args], {
      cwd,
      env: { ...env },
      shell: false,
      detached: true,
      windowsHide: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.gone = new Promise((resolve) => this.watch(resolve));
  }

  /** Of its group, too; undefined if it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  /** It writes more to its stderr than is read of it, and does nothing else meanwhile. */
  get isHeldBack(): boolean {
    return this.areErrorsHeld;
  }

  listen(listener: ProcessListener): void {
    this.listener = listener;
  }

  /** False: it takes nothing now, and nothing of this was sent. */
  send(line: Buffer): boolean {
    const { stdin } = this.child;
    if (this.isOver || !stdin?.writable || stdin.writableLength > MAX_QUEUED) return false;
    stdin.write(line);
    return true;
  }

  /** Its stdin is closed, then its group is told to end, then it is killed. Resolves when it is over, never rejects. */
  async stop(): Promise<void> {
    if (!this.isStopping) {
      this.isStopping = true;
      this.child.stdin?.end();
      void this.insist();
    }
    return this.gone;
  }

  /** At once, with whatever it has started. */
  kill(): void {
    this.signal('SIGKILL');
  }

  private watch(resolve: () => void): void {
    const { child } = this;
    this.leave = () => {
      if (this.isLeft) return;
      this.isLeft = true;
      this.errors.end();
      this.parts.onGone(this);
      resolve();
    };
    child.stdout?.on('data', (chunk: Buffer) => {
      this.listener?.output(chunk);
      noteDiscarded(chunk.length);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.takeErrors(chunk);
      noteDiscarded(chunk.length);
    });
    // It can read no more, or write no more: what is asked would never be answered.
    child.stdin?.on('error', () => this.giveUp('it has closed its stdin'));
    child.stdout?.on('end', () => this.giveUp('it has closed its stdout'));
    child.on('error', (error: NodeJS.ErrnoException) => {
      this.end(`it cannot be started (${error.code ?? error.name})`);
      if (child.pid === undefined) this.leave();
    });
    let how = '';
    child.on('exit', (code, signal) => {
      how = signal ? `its process was ended by ${signal}` : `its process ended with code ${code}`;
      this.signal('SIGKILL'); // what it has started and left behind
      this.parts.deadlines.add(LINGER_MS, () => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      });
    });
    child.on('close', () => {
      this.end(how);
      this.leave();
    });
  }

  private takeErrors(chunk: Buffer): void {
    this.errors.push(chunk);
    const now = performance.now();
    if (now - this.errorsCountedAt > SECOND_MS) {
      this.errorsCountedAt = now;
      this.errorBytes = 0;
    }
    this.errorBytes += chunk.length;
    if (this.errorBytes < MAX_ERRORS || this.isOver) return;
    this.areErrorsHeld = true;
    this.child.stderr?.pause();
    this.parts.deadlines.add(SECOND_MS, () => {
      this.areErrorsHeld = false;
      this.child.stderr?.resume();
    });
  }

  private async insist(): Promise<void> {
    if (await this.isGoneWithin(CLOSING_MS)) return;
    this.signal('SIGTERM');
    if (await this.isGoneWithin(TERM_MS)) return;
    this.signal('SIGKILL');
    if (await this.isGoneWithin(LINGER_MS)) return;
    this.parts.log.error('a process of a member cannot be ended', { pid: this.pid });
    this.leave();
  }

  private isGoneWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const clear = this.parts.deadlines.add(ms, () => resolve(false));
      void this.gone.then(() => {
        clear();
        resolve(true);
      });
    });
  }

  /** Its exit says more, if it comes at once. */
  private giveUp(how: string): void {
    this.parts.deadlines.add(LINGER_MS, () => {
      if (this.isOver) return;
      this.end(how);
      void this.stop();
    });
  }

  private end(how: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.listener?.ended(how);
  }

  /** Of the whole group; that nobody is left in it is no fault. */
  private signal(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined || this.isLeft) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      this.parts.log.debug('a process of a member could not be signalled', { err: error, signal });
    }
  }
}
