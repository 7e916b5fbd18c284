import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ROOT } from './house.js';

let root: string;

/** Stands in for a tool: prints `says`, exits with `code`. */
const tool = (code: number, says = '') => `console.log(${JSON.stringify(says)}); process.exitCode = ${code};`;

/** Stands in for jest: writes the result that it is given, as `--json --outputFile` asks. */
const jest = (result: object | undefined, code = 0, then = ''): string => `
  const fs = require('node:fs');
  fs.writeFileSync('jest-args', JSON.stringify(process.argv.slice(2)));
  console.error('progress of jest');
  const file = process.argv.find((arg) => arg.startsWith('--outputFile=')).slice('--outputFile='.length);
  ${result === undefined ? '' : `fs.writeFileSync(file, ${JSON.stringify(JSON.stringify(result))});`}
  process.exitCode = ${code};
  ${then}`;

const counts = (passed: number, { failed = 0, skipped = 0, broken = 0 } = {}) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: skipped,
  numTodoTests: 0,
  numRuntimeErrorTestSuites: broken,
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'composer-runner-'));
  cpSync(join(ROOT, 'scripts'), join(root, 'scripts'), { recursive: true });
  write('node_modules/eslint/bin/eslint.js', tool(0));
  write('node_modules/typescript/bin/tsc', tool(0));
  write('node_modules/prettier/bin/prettier.cjs', tool(0));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('scripts/test.mjs', () => {
  it('counts lint, types and format as one test each, and ends with the sum', async () => {
    useJest(jest(counts(40)));
    const { code, stdout } = await run();
    expect(lastLine(stdout)).toBe('43 passed, 0 failed');
    expect(stdout).toContain('progress of jest');
    expect(code).toBe(0);
  });

  it('names skipped tests after the sum', async () => {
    useJest(jest(counts(40, { skipped: 2 })));
    expect(lastLine((await run()).stdout)).toBe('43 passed, 0 failed, 2 skipped');
  });

  it('prints the whole output of a failing check and fails', async () => {
    write('node_modules/typescript/bin/tsc', tool(2, 'a.ts(1,1): error TS1: wrong'));
    useJest(jest(counts(40)));
    const { code, stdout } = await run();
    expect(stdout).toContain('--- types failed\na.ts(1,1): error TS1: wrong\n');
    expect(lastLine(stdout)).toBe('42 passed, 1 failed');
    expect(code).toBe(1);
  });

  it.each([
    ['a failed test', jest(counts(39, { failed: 1 }), 1), '42 passed, 1 failed'],
    ['a spec file that cannot be loaded', jest(counts(39, { broken: 1 }), 1), '42 passed, 1 failed'],
    ['a run without a test', jest(counts(0), 1), '3 passed, 1 failed'],
    ['a run in which every test is skipped', jest(counts(0, { skipped: 4 })), '3 passed, 1 failed, 4 skipped'],
    ['a runner that ends without a result', jest(undefined, 1), '3 passed, 1 failed'],
    ['a runner that fails although its tests passed', jest(counts(40), 1), '43 passed, 1 failed'],
  ])('fails for %s', async (_what, script, line) => {
    useJest(script);
    const { code, stdout } = await run();
    expect(lastLine(stdout)).toBe(line);
    expect(code).toBe(1);
  });

  it('hands its arguments to jest', async () => {
    useJest(jest(counts(1)));
    await run(['libs/egress', '-t', 'refuses']);
    expect(JSON.parse(readFileSync(join(root, 'jest-args'), 'utf8'))).toEqual(
      expect.arrayContaining(['--json', 'libs/egress', '-t', 'refuses']),
    );
  });

  it('ends what a runner has left behind', async () => {
    useJest(jest(counts(1), 0, leaveBehind('process.exit()')));
    await run();
    await until(() => !isAlive(leftBehind()));
  });

  it('leaves no process behind when it is interrupted', async () => {
    useJest(jest(undefined, 0, leaveBehind('setInterval(() => undefined, 1000)')));
    const running = start([]);
    await until(() => existsSync(join(root, 'left-behind')) && leftBehind() > 0);
    const pid = leftBehind();
    expect(isAlive(pid)).toBe(true);
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    await until(() => !isAlive(pid));
  });
});

/** Starts a process that would live for a minute and notes its pid. */
const leaveBehind = (then: string): string => `
  const orphan = require('node:child_process').spawn(process.execPath, ['-e', 'setTimeout(() => undefined, 60000)']);
  fs.writeFileSync('left-behind', String(orphan.pid));
  ${then};`;

const leftBehind = (): number => Number(readFileSync(join(root, 'left-behind'), 'utf8'));
const lastLine = (text: string): string | undefined => text.trimEnd().split('\n').at(-1);
const useJest = (script: string): void => write('node_modules/jest/bin/jest.js', script);

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie waits only for its parent to notice.
    return !/^State:\tZ/m.test(existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '');
  } catch {
    return false;
  }
}

const run = (args: string[] = []) => start(args).ended;

function start(args: string[]) {
  const child = spawn(process.execPath, ['scripts/test.mjs', ...args], { cwd: root });
  let stdout = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stdout += String(chunk)));
  const ended = new Promise<{ code: number | null; stdout: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout }));
  });
  return { child, ended };
}

async function until(holds: () => boolean): Promise<void> {
  const giveUp = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > giveUp) throw new Error('waited for 10 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
