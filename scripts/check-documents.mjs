// `npm run check:documents`: makes members of GitHub's, Stripe's and Kubernetes' documents, lists their tools page by
// page, and calls 20 operations of each. What arrives is compared with what an independent library builds of the same
// arguments. The same test that `npm test` runs with small documents.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWith } from './prepare/end-with.mjs';
import { openDirectory } from './specs/documents.mjs';

/** Ends a run that hangs. */
const MOST_MS = 600_000;

await endWith(async () => {
  const { folder } = await openDirectory((line) => process.stderr.write(`${line}\n`));
  const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  const child = spawn(process.execPath, [...jest, '--silent=false', 'test/e2e/big-documents'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, DOCUMENT_FOLDER: folder },
    stdio: 'inherit',
  });
  const late = setTimeout(() => child.kill('SIGTERM'), MOST_MS);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(late);
  return code ?? 1;
});
