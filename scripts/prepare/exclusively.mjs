import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PrepareFailure } from './npm.mjs';

const POLL_MS = 100;
const BEAT_MS = 2_000;
/** A holder that has not touched its lock for so long is gone, even if another process has its pid by now. */
const SILENT_MS = 30_000;
const PATIENCE_MS = 15 * 60_000;

/** Runs `work` while no other process works on the same checkout. The lock of a dead process is taken over. */
export async function exclusively(root, work) {
  const lock = join(root, '.prepare.lock');
  const mine = `${process.pid} ${randomUUID()}`;
  await acquire(lock, mine);
  const beat = setInterval(() => touch(lock), BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if (read(lock) === mine) rmSync(lock, { force: true });
  }
}

async function acquire(lock, mine) {
  const giveUp = Date.now() + PATIENCE_MS;
  let said = false;
  for (;;) {
    const took = create(lock, mine);
    if (took) return;
    const holder = read(lock);
    if (holder !== undefined && isStale(lock, holder)) {
      takeAway(lock, holder, mine);
      if (create(lock, mine)) {
        // Whoever judged the old lock at the same moment may have moved ours by mistake: look once more.
        await pause(POLL_MS);
        if (read(lock) === mine) return;
      }
    } else if (holder !== undefined && !said) {
      process.stderr.write(`waiting for another start (pid ${pidOf(holder)})…\n`);
      said = true;
    }
    if (Date.now() > giveUp) {
      throw new PrepareFailure(`another start (pid ${pidOf(holder)}) does not finish: stop it, or remove ${lock}`);
    }
    await pause(POLL_MS);
  }
}

/** A link appears with its content or not at all; a file opened for writing would be empty for a moment. */
function create(lock, mine) {
  const draft = `${lock}.${process.pid}`;
  writeFileSync(draft, mine);
  try {
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function isStale(lock, holder) {
  try {
    if (Date.now() - statSync(lock).mtimeMs > SILENT_MS) return true;
    process.kill(pidOf(holder), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Moves the lock aside and looks at what was moved: a fresh one, put there meanwhile, goes back. */
function takeAway(lock, stale, mine) {
  const aside = `${lock}.${mine.split(' ')[1]}`;
  try {
    renameSync(lock, aside);
    if (read(aside) !== stale) linkSync(aside, lock);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function touch(lock) {
  const now = new Date();
  try {
    utimesSync(lock, now, now);
  } catch {
    // The lock was removed by hand: nothing to keep alive.
  }
}

function read(lock) {
  try {
    return readFileSync(lock, 'utf8');
  } catch {
    return undefined;
  }
}

const pidOf = (holder) => Number.parseInt(holder ?? '0', 10);
