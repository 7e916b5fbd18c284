import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { type Check, type Run, verdictOn } from '../../scripts/conformance/verdicts.mjs';

/** The first run on a machine installs the suite. */
const RUN_MS = 300_000;
const SCRIPT = fileURLToPath(new URL('../../scripts/conformance.mjs', import.meta.url));

/** Runs the harness as `npm run conformance` does. */
function conformance(...args: string[]): Promise<{ code: number | null; output: string; lastLine: string }> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output, lastLine: output.trimEnd().split('\n').at(-1)! }));
  });
}

const check = (status: Check['status'], id = 'a'): Check => ({ id, name: 'A', status, description: `${id} is well` });
const ping = (...checks: Check[]): Run => ({ leg: 'server', revision: '2025-11-25', scenario: 'ping', checks });

describe('a verdict', () => {
  it.each<[string, Run, boolean]>([
    ['no result at all', { leg: 'server', revision: '2025-11-25', scenario: 'ping' }, false],
    ['no check', ping(), false],
    ['one check many times', ping(check('SUCCESS'), check('SUCCESS'), check('SUCCESS')), false],
    ['enough different checks', ping(check('SUCCESS'), check('SUCCESS', 'b'), check('WARNING', 'c')), true],
    ['a failure among them', ping(check('SUCCESS'), check('SUCCESS', 'b'), check('FAILURE', 'c')), false],
    ['a warning where the suite fails for it', { ...ping(check('SUCCESS'), check('WARNING')), leg: 'client' }, false],
  ])('on %s', (_, run, passed) => {
    const verdict = verdictOn(run);
    expect([verdict.passed, verdict.why.length === 0]).toEqual([passed, passed]);
  });
});

it('excuses what no translation can carry, with a fixture of the other era alone', () => {
  const ids = ['sep-2575-server-rejects-undeclared-capability', 'sep-2575-missing-capability-http-400'];
  const rest = Array.from({ length: 26 }, (_, n) => check('SUCCESS', `c${n}`));
  const checks = [...rest, ...ids.map((id) => check('FAILURE', id))];
  const run: Run = { leg: 'server', revision: '2026-07-28', scenario: 'server-stateless', checks };
  expect(verdictOn(run).passed).toBe(false);
  expect(verdictOn({ ...run, fixtureEra: 'legacy' }).passed).toBe(true);
  expect(verdictOn({ ...run, fixtureEra: 'legacy', checks: checks.slice(1) }).passed).toBe(false);
});

describe('npm run conformance', () => {
  it(
    'finds nothing wrong with the fixture',
    async () => {
      const { code, output } = await conformance('--direct');
      expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/\n67 of 67\n$/) });
    },
    RUN_MS,
  );

  it(
    'fails, and says why, where something is missing',
    async () => {
      const { code, output, lastLine } = await conformance('--direct', '--fixture', 'legacy', '--only', 'caching');
      expect([lastLine, code]).toEqual(['0 of 1', 1]);
      expect(output).toMatch(/FAIL caching[\s\S]*sep-2549/);
    },
    RUN_MS,
  );

  it(
    'finds nothing wrong with the composer, as a server and as a client, for both revisions',
    async () => {
      const { code, output } = await conformance();
      expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/\n117 of 117\n$/) });
    },
    RUN_MS,
  );

  it.each(['legacy', 'modern'])(
    'finds nothing wrong with the composer in front of a member that speaks the %s era alone',
    async (era) => {
      const { code, output } = await conformance('--leg', 'server', '--fixture', era);
      expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/\n67 of 67\n$/) });
    },
    RUN_MS,
  );
});
