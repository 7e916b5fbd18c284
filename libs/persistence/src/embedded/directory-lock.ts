import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DataDirectoryLockedError } from '../persistence.errors.js';
import { type ProcessIdentity, isComparable, isRunning, ownIdentity } from './process-identity.js';

const HEARTBEAT_MS = 2_000;
/** How many heartbeats a holder that cannot be looked up must miss to count as dead. */
const MISSED_BEATS = 5;
const CLAIM_RETRY_MS = 20;

interface LockRecord extends ProcessIdentity {
  /** Unique per acquisition. */
  readonly nonce: string;
  /** What the holder left outside the directory, for whoever takes over. */
  readonly leftover: string;
}

export interface LockOptions {
  /** A path that the next holder is told about when this one dies without releasing. */
  readonly leftover: string;
  /** Called with the `leftover` of a dead holder. */
  readonly onTakeover: (leftover: string) => void;
  /** Milliseconds between signs of life, 2000 unless given; the same for all who share the directory. */
  readonly heartbeat?: number;
}

/**
 * A lock file that belongs to one process. The file of a process that no longer runs is taken over, also when
 * its number is in use again; a holder in another pid namespace (a container on the same volume) is watched for
 * a heartbeat instead.
 *
 * @throws DataDirectoryLockedError when the holder lives
 */
export class DirectoryLock {
  private constructor(
    private readonly file: string,
    private readonly nonce: string,
    private readonly heartbeat: NodeJS.Timeout,
  ) {}

  static async acquire(file: string, options: LockOptions): Promise<DirectoryLock> {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const { leftover, onTakeover, heartbeat = HEARTBEAT_MS } = options;
    const record: LockRecord = { ...ownIdentity(), nonce: randomUUID(), leftover };
    const candidate = `${file}.${record.nonce}`;
    // Written aside and linked into place, so that nobody ever reads half a lock.
    writeFileSync(candidate, JSON.stringify(record), { mode: 0o600 });
    try {
      while (!linked(candidate, file)) {
        const holder = read(file);
        if (!holder) continue;
        if (await isAlive(holder, file, heartbeat)) throw new DataDirectoryLockedError(dirname(file), holder.pid);
        if (takeOver(candidate, file, holder)) {
          onTakeover(holder.leftover);
          break;
        }
        await pause(CLAIM_RETRY_MS);
      }
    } finally {
      rmSync(candidate, { force: true });
    }
    const beat = setInterval(() => touch(file), heartbeat).unref();
    return new DirectoryLock(file, record.nonce, beat);
  }

  /** Frees the directory. Safe to call twice. */
  release(): void {
    clearInterval(this.heartbeat);
    if (read(this.file)?.nonce === this.nonce) rmSync(this.file, { force: true });
  }
}

function linked(candidate: string, file: string): boolean {
  try {
    linkSync(candidate, file);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function isAlive(holder: LockRecord, file: string, heartbeat: number): Promise<boolean> {
  if (isComparable(holder)) return isRunning(holder);
  const last = beatOf(file);
  for (let beats = 0; beats < MISSED_BEATS; beats += 1) {
    await pause(heartbeat);
    if (beatOf(file) !== last) return true;
  }
  return false;
}

/**
 * Puts `candidate` in the place of the dead holder's file. Whoever creates the claim on that holder's nonce may
 * do it; a second claimant finds, once it has the claim, another nonce in the lock and starts over.
 */
function takeOver(candidate: string, file: string, dead: LockRecord): boolean {
  const claim = `${file}.claim-${dead.nonce}`;
  if (!linked(candidate, claim)) {
    const claimant = read(claim);
    if (claimant && isComparable(claimant) && !isRunning(claimant)) rmSync(claim, { force: true });
    return false;
  }
  try {
    if (read(file)?.nonce !== dead.nonce) return false;
    renameSync(candidate, file);
    return true;
  } finally {
    rmSync(claim, { force: true });
  }
}

function read(file: string): LockRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LockRecord;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    // Emptied by a power cut: nobody holds it any more.
    if (error instanceof SyntaxError)
      return { ...ownIdentity(), started: 'unreadable', nonce: 'unreadable', leftover: '' };
    throw error;
  }
}

function beatOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

function touch(file: string): void {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // The directory is gone; the database will say so.
  }
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;
