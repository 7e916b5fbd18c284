import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ROOT } from './house.js';

const ENTRY = 'dist/apps/composer/src/main.js';
const SOURCE = 'apps/composer/src/main.ts';

/** Stands in for npm: it notes what it was asked, and leaves behind what the real one would. */
const NPM = `
  const fs = require('node:fs');
  const args = process.argv.slice(2).join(' ');
  fs.appendFileSync('calls.log', args + '\\n');
  console.log('noise on stdout');
  if (process.env.FAIL === process.argv[2]) { console.error('the tool explains'); process.exit(7); }
  const slow = Number(process.env.SLOW_MS || 0);
  if (args.startsWith('ci')) {
    fs.rmSync('node_modules', { recursive: true, force: true });
    fs.mkdirSync('node_modules');
    setTimeout(() => fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json'), slow);
  } else {
    fs.mkdirSync('dist/apps/composer/src', { recursive: true });
    setTimeout(() => fs.writeFileSync('${ENTRY}', ''), slow);
  }
`;

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'composer-prepare-'));
  // Some scripts have packages of their own, which may be installed by now: hundreds of megabytes.
  const filter = (path: string): boolean => basename(path) !== 'node_modules';
  cpSync(join(ROOT, 'scripts'), join(root, 'scripts'), { recursive: true, filter });
  mkdirSync(join(root, 'apps/composer/src'), { recursive: true });
  write(SOURCE, 'one');
  write('package.json', '{"type":"module"}');
  write('package-lock.json', '{"packages":{"":{}}}');
  write('npm-cli.cjs', NPM);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('scripts/prepare.mjs', () => {
  it('installs and builds on a fresh clone, with one line for each on stderr and nothing on stdout', async () => {
    const { code, stdout, stderr } = await prepare();
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toBe('installing dependencies (first run, one to three minutes)…\nbuilding…\n');
    expect(calls()).toEqual(['ci --include=dev --no-audit --no-fund', 'run build']);
  });

  it('does nothing and says nothing when nothing has changed', async () => {
    await prepare();
    const { code, stdout, stderr } = await prepare();
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(calls()).toHaveLength(2);
  });

  it('installs again for another lock file', async () => {
    await prepare();
    write('package-lock.json', '{"packages":{"":{},"node_modules/a":{"version":"1.0.0"}}}');
    await prepare();
    expect(calls().filter((call) => call.startsWith('ci'))).toHaveLength(2);
  });

  it('accepts what somebody installed by hand, but for packages of other platforms', async () => {
    const wanted = { '': {}, 'node_modules/a': { version: '1.0.0' } };
    const foreign = { 'node_modules/b': { version: '1.0.0', optional: true } };
    write('package-lock.json', JSON.stringify({ packages: { ...wanted, ...foreign } }));
    mkdirSync(join(root, 'node_modules/a'), { recursive: true });
    write('node_modules/.package-lock.json', JSON.stringify({ packages: wanted }));
    await prepare();
    expect(calls()).toEqual(['run build']);
  });

  it('does not accept an installation without development dependencies', async () => {
    const wanted = { '': {}, 'node_modules/a': { version: '1.0.0', dev: true } };
    write('package-lock.json', JSON.stringify({ packages: wanted }));
    mkdirSync(join(root, 'node_modules'));
    write('node_modules/.package-lock.json', '{"packages":{"":{}}}');
    await prepare();
    expect(calls()).toContain('ci --include=dev --no-audit --no-fund');
  });

  it.each([
    ['a source is edited', () => write(SOURCE, 'another')],
    ['a source is added', () => write('apps/composer/src/more.ts', '')],
    ['the output is gone', () => rmSync(join(root, ENTRY))],
    ['the manifest is edited', () => write('package.json', '{"type":"module","version":"2.0.0"}')],
  ])('builds again when %s', async (_what, change) => {
    await prepare();
    change();
    await prepare();
    expect(calls().filter((call) => call === 'run build')).toHaveLength(2);
  });

  it('does not build again in a copy that keeps the times of files', async () => {
    for (let n = 0; n < 20; n++) {
      write(`apps/composer/src/${n}.ts`, '');
      utimesSync(join(root, `apps/composer/src/${n}.ts`), n, 1_795_737_206.5 + n / 7_000);
    }
    await prepare();
    const original = root;
    root = mkdtempSync(join(tmpdir(), 'composer-prepare-'));
    try {
      cpSync(original, root, { recursive: true, preserveTimestamps: true });
      const { stderr } = await prepare();
      expect(stderr).toBe('');
    } finally {
      rmSync(original, { recursive: true, force: true });
    }
  });

  it('does not build again for a spec', async () => {
    await prepare();
    write('apps/composer/src/main.spec.ts', '');
    await prepare();
    expect(calls().filter((call) => call === 'run build')).toHaveLength(1);
  });

  it('keeps the output for an incremental build, and drops it when a source is gone', async () => {
    write('apps/composer/src/more.ts', '');
    await prepare();
    write('dist/left-over.js', '');
    write(SOURCE, 'edited');
    await prepare();
    expect(existsSync(join(root, 'dist/left-over.js'))).toBe(true);
    rmSync(join(root, 'apps/composer/src/more.ts'));
    await prepare();
    expect(existsSync(join(root, 'dist/left-over.js'))).toBe(false);
  });

  it.each(['ci', 'run'])(
    'shows the output of a failing `npm %s`, then one line that says what to do',
    async (command) => {
      const { code, stdout, stderr } = await prepare({ FAIL: command });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain('the tool explains\n');
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
        /^the (dependencies could not be installed|build failed): \w/,
      );
      expect(existsSync(join(root, '.prepare.lock'))).toBe(false);
    },
  );

  it('tries again after a failure', async () => {
    await prepare({ FAIL: 'run' });
    expect((await prepare()).code).toBe(0);
    expect(calls().at(-1)).toBe('run build');
  });

  it('lets one of many concurrent starts do the work', async () => {
    const starts = await Promise.all(Array.from({ length: 5 }, () => prepare({ SLOW_MS: '300' })));
    expect(starts.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    expect(calls()).toHaveLength(2);
    expect(existsSync(join(root, '.prepare.lock'))).toBe(false);
  });

  it('takes over the lock of a process that is gone, once for many', async () => {
    const gone = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => gone.once('exit', resolve));
    write('.prepare.lock', `${gone.pid} left-over`);
    const starts = await Promise.all(Array.from({ length: 4 }, () => prepare({ SLOW_MS: '300' })));
    expect(starts.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(calls()).toHaveLength(2);
  });

  it('takes over a lock that has not been touched for long, whoever has its pid now', async () => {
    write('.prepare.lock', `${process.pid} left-over`);
    utimesSync(join(root, '.prepare.lock'), 0, 0);
    expect((await prepare()).code).toBe(0);
    expect(calls()).toHaveLength(2);
  });

  it('removes its lock and does not trust a half-done build when it is stopped', async () => {
    const stopped = start({ SLOW_MS: '20000' });
    await until(() => calls().length === 1);
    stopped.child.kill('SIGTERM');
    expect((await stopped.ended).code).toBe(1);
    expect(existsSync(join(root, '.prepare.lock'))).toBe(false);
    await prepare();
    expect(calls()).toHaveLength(3);
  });
});

const write = (path: string, text: string): void => writeFileSync(join(root, path), text);

function calls(): string[] {
  const log = join(root, 'calls.log');
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
}

const prepare = (env: Record<string, string> = {}) => start(env).ended;

function start(env: Record<string, string>) {
  const child = spawn(process.execPath, ['scripts/prepare.mjs'], {
    cwd: root,
    env: { ...process.env, npm_execpath: join(root, 'npm-cli.cjs'), ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
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
