import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signalGroup } from './children.mjs';

/** How long jest may live on after it has written its result: longer means that a test left something open. */
const LINGER_MS = 20_000;
const POLL_MS = 500;

/** Runs jest, shows its output as it comes, and counts from its JSON result. */
export async function runJest(children, args) {
  const scratch = mkdtempSync(join(tmpdir(), 'composer-test-'));
  const result = join(scratch, 'jest.json');
  let watch;
  let lingered = false;
  try {
    const { code } = await children.run(
      [
        ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'],
        ...['--json', `--outputFile=${result}`, ...args],
      ],
      {
        keep: false,
        onStderr: (chunk) => process.stdout.write(chunk),
        onStart: (child) => {
          watch = endLingering(child, result, () => (lingered = true));
        },
      },
    );
    return count(result, code, lingered);
  } finally {
    clearInterval(watch);
    rmSync(scratch, { recursive: true, force: true });
  }
}

function endLingering(child, result, onEnd) {
  let since;
  return setInterval(() => {
    if (!existsSync(result)) return;
    since ??= performance.now();
    if (performance.now() - since < LINGER_MS) return;
    onEnd();
    signalGroup(child, 'SIGKILL');
  }, POLL_MS);
}

function count(file, code, lingered) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, faults: ['jest ended without a result'] };
  const result = JSON.parse(readFileSync(file, 'utf8'));
  const passed = result.numPassedTests;
  // A spec file that cannot be loaded has no tests to fail, but fails all the same.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  const faults = [];
  if (lingered) faults.push('jest did not exit after its last test: something was left open');
  else if (passed + failed === 0) faults.push('jest ran no test');
  else if (code !== 0 && failed === 0) faults.push(`jest exited with ${code} although no test failed`);
  return { passed, failed: failed + faults.length, skipped: result.numPendingTests + result.numTodoTests, faults };
}
