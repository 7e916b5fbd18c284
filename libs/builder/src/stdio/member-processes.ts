import { stdioConfig } from '#registry';
import { MemberProcess, type ProcessParts } from './member-process.js';
import { MemberNotStartedError, TooManyProcessesError } from './stdio.errors.js';

/** The processes of all members of this composer: so many and no more, and none of them outlives it if that can be helped. */
export class MemberProcesses {
  /** How each is ended that runs and is not used now, the one that has rested longest first. */
  readonly spare = new Set<() => Promise<void>>();
  private readonly running = new Set<MemberProcess>();

  get size(): number {
    return this.running.size;
  }

  /** Ends one that is not used, if otherwise there were no room for another. Never rejects. */
  async makeRoom(): Promise<void> {
    const [end] = this.spare;
    if (end && this.running.size >= stdioConfig().maxProcesses) await end();
  }

  /** Throws `TooManyProcessesError`, and `MemberNotStartedError` if the system does not even try. */
  start(parts: ProcessParts): MemberProcess {
    const { maxProcesses } = stdioConfig();
    if (this.running.size >= maxProcesses) throw new TooManyProcessesError(maxProcesses);
    const started = startedOf({
      ...parts,
      onGone: (gone) => {
        this.remove(gone);
        parts.onGone(gone);
      },
    });
    if (this.running.size === 0) process.on('exit', this.killAll);
    this.running.add(started);
    return started;
  }

  private remove(gone: MemberProcess): void {
    this.running.delete(gone);
    if (this.running.size === 0) process.off('exit', this.killAll);
  }

  /** The composer ends without having closed its members: nothing can be waited for any more. */
  private readonly killAll = (): void => {
    for (const one of this.running) one.kill();
  };
}

function startedOf(parts: ProcessParts): MemberProcess {
  try {
    return new MemberProcess(parts);
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    throw new MemberNotStartedError(`it cannot be started (${code ?? name})`);
  }
}
