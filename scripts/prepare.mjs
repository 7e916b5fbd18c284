// Runs before `npm start` and `npm test`: installs what is missing and builds what has changed. Plain Node, no
// dependencies: it is the first thing that runs on a fresh clone. stdout stays clean, progress goes to stderr.
import { fileURLToPath } from 'node:url';
import { recordBuild, removeStaleOutput, snapshot, sourcesChanged } from './prepare/build-stamp.mjs';
import { exclusively } from './prepare/exclusively.mjs';
import { lockfileChanged, recordInstall } from './prepare/install-stamp.mjs';
import { npm, PrepareFailure } from './prepare/npm.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

try {
  requireNode();
  if (lockfileChanged(root) || sourcesChanged(root)) await exclusively(root, prepare);
} catch (error) {
  if (!(error instanceof PrepareFailure)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

/** Holds the lock. Everything is asked again: whoever held it before may have done the work. */
async function prepare() {
  if (lockfileChanged(root)) {
    say('installing dependencies (first run, one to three minutes)…');
    // Development dependencies build the code, whatever NODE_ENV says.
    await npm(root, ['ci', '--include=dev', '--no-audit', '--no-fund'], {
      failed:
        'the dependencies could not be installed: check the network and `npm config get registry`, then try again',
    });
    recordInstall(root);
  }
  if (sourcesChanged(root)) {
    say('building…');
    const now = snapshot(root);
    removeStaleOutput(root, now);
    await npm(root, ['run', 'build'], {
      failed: 'the build failed: fix what the compiler reports above, or run `git status` to see what was changed',
    });
    recordBuild(root, now);
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new PrepareFailure(`Node ${process.versions.node} is too old: install 20.19 or newer (24 is recommended)`);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
