// `npm test`: lint, types and format in one lane, jest in the other. Arguments go to jest: `npm test -- libs/egress`.
// The last line is `N passed, N failed`, with `, N skipped` after it if any were.
import { fileURLToPath } from 'node:url';
import { runChecks } from './test/checks.mjs';
import { runJest } from './test/jest.mjs';
import { Children } from './test/children.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const children = new Children(root);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, async () => {
    await children.stop();
    process.exit(130);
  });
}

const [checks, jest] = await Promise.all([runChecks(children), runJest(children, process.argv.slice(2))]);

for (const { name, output } of checks.filter(({ passed }) => !passed)) {
  process.stdout.write(`\n--- ${name} failed\n${output.trimEnd()}\n`);
}
for (const fault of jest.faults) process.stdout.write(`\n--- ${fault}\n`);

const passed = jest.passed + checks.filter((check) => check.passed).length;
const failed = jest.failed + checks.filter((check) => !check.passed).length;
const skipped = jest.skipped > 0 ? `, ${jest.skipped} skipped` : '';
process.exitCode = failed > 0 ? 1 : 0;
process.stdout.write(`\n${passed} passed, ${failed} failed${skipped}\n`);
