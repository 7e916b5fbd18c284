import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { environment, setEnvironment } from './environment.js';

const STAGE = 'COMPOSER_STAGE';
const NAMES = ['SPEC_REAL', 'SPEC_STAGE', 'SPEC_BASE'];

describe('environment', () => {
  const before = { folder: process.cwd(), stage: process.env[STAGE] };
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'environment-'));
    process.chdir(folder);
    delete process.env[STAGE];
    setEnvironment(undefined);
  });

  afterEach(() => {
    process.chdir(before.folder);
    rmSync(folder, { recursive: true });
    for (const name of NAMES) delete process.env[name];
    if (before.stage === undefined) delete process.env[STAGE];
    else process.env[STAGE] = before.stage;
    setEnvironment(undefined);
  });

  const write = (file: string, values: Record<string, string>): void =>
    writeFileSync(
      join(folder, file),
      Object.entries(values)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
  const seen = () => NAMES.map((name) => environment()[name]);

  it('prefers the real environment to .env.<stage>, and that to .env', () => {
    process.env[STAGE] = 'staging';
    process.env['SPEC_REAL'] = 'real';
    write('.env.staging', { SPEC_REAL: 'stage', SPEC_STAGE: 'stage' });
    write('.env.development', { SPEC_BASE: 'of another stage' });
    write('.env', { SPEC_REAL: 'base', SPEC_STAGE: 'base', SPEC_BASE: 'base' });
    expect(seen()).toEqual(['real', 'stage', 'base']);
  });

  it('lets a name of a stronger source hide the file that a weaker one names for it', () => {
    process.env['SPEC_REAL'] = 'real';
    write('.env', { SPEC_REAL_FILE: '/base', SPEC_STAGE_FILE: '/base', SPEC_BASE_FILE: '/base' });
    write('.env.development', { SPEC_STAGE: 'stage' });
    const files = () => NAMES.map((name) => environment()[`${name}_FILE`]);
    expect([...seen(), ...files()]).toEqual(['real', 'stage', undefined, undefined, undefined, '/base']);
  });

  it.each([
    ['is not set', undefined],
    ['is empty', ''],
  ])('reads .env.development when the stage %s', (_, stage) => {
    if (stage !== undefined) process.env[STAGE] = stage;
    write('.env.development', { SPEC_STAGE: 'development' });
    expect(environment()['SPEC_STAGE']).toBe('development');
  });

  it('takes the stage from .env where the real environment names none', () => {
    write('.env', { COMPOSER_STAGE: 'production', SPEC_STAGE: 'base' });
    write('.env.production', { SPEC_STAGE: 'production' });
    expect(environment()['SPEC_STAGE']).toBe('production');
  });

  it('is read once', () => {
    write('.env', { SPEC_BASE: 'first' });
    expect(environment()['SPEC_BASE']).toBe('first');
    write('.env', { SPEC_BASE: 'second' });
    expect(environment()['SPEC_BASE']).toBe('first');
  });

  it('writes nothing into the environment of the process', () => {
    write('.env', { SPEC_BASE: 'base' });
    environment();
    expect(process.env['SPEC_BASE']).toBeUndefined();
  });
});
