import { readFileSync, readlinkSync } from 'node:fs';

/** Names one process of one machine, so that a later process with the same number is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot id and start time in clock ticks (proc(5), field 22); absent where there is no /proc. */
  readonly started?: string;
  /** The pid namespace: numbers mean nothing outside their own. Absent where there is no /proc. */
  readonly namespace?: string;
}

export function ownIdentity(): ProcessIdentity {
  const started = startOf(process.pid);
  const namespace = ownNamespace();
  return {
    pid: process.pid,
    ...(started === undefined ? {} : { started }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** Whether a number in `other` can be looked up from here. */
export function isComparable(other: ProcessIdentity): boolean {
  return other.namespace === ownNamespace();
}

/** Whether exactly that process still runs. Ask only if `isComparable`. */
export function isRunning({ pid, started }: ProcessIdentity): boolean {
  if (started !== undefined) return startOf(pid) === started;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in brackets and may itself hold brackets and blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X') return undefined; // dead, only not yet collected by its parent
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot}/${ticks}`;
  } catch {
    return undefined;
  }
}

function ownNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return undefined;
  }
}
