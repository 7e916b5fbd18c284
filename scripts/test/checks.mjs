import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Lint, types and format, one after the other: jest keeps the other core busy meanwhile. */
export async function runChecks(children) {
  const cache = join('node_modules', '.cache', 'mcp-composer');
  mkdirSync(join(children.root, cache), { recursive: true });
  // Never cached: typed lint, since a file's findings depend on other files.
  const checks = [
    ['lint', ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0']],
    [
      'types',
      ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit', '--incremental'].concat(
        '--tsBuildInfoFile',
        join(cache, 'types.tsbuildinfo'),
      ),
    ],
    [
      'format',
      ['node_modules/prettier/bin/prettier.cjs', '.', '--check', '--log-level', 'warn', '--cache'].concat(
        '--cache-location',
        join(cache, 'prettier'),
      ),
    ],
  ];
  const results = [];
  for (const [name, args] of checks) results.push(await runCheck(children, name, args));
  return results;
}

async function runCheck(children, name, args) {
  const started = performance.now();
  const { code, output } = await children.run(args);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? 'ok' : 'FAILED'} ${name} (${seconds} s)\n`);
  return { name, passed: code === 0, output };
}
