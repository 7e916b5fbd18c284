import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT, exists, packageJson, readText } from './house.js';

describe('the top level', () => {
  it('holds what a stranger looks for', () => {
    const wanted = ['README.md', 'LICENSE', 'NOTICE', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'changes']
      .concat(['apps/composer/src/main.ts', 'libs', 'migrations/postgres/index.ts', 'test', 'docs/adr', 'scripts'])
      .concat(['docs/architecture.md', 'docs/configuration.md', 'docs/operations.md'])
      .concat(['Dockerfile', 'docker-compose.yml', '.dockerignore', '.editorconfig', '.nvmrc', '.gitignore', '.ci/run'])
      .concat(['package.json', 'package-lock.json', 'nest-cli.json', 'tsconfig.json', 'eslint.config.mjs']);
    expect(wanted.filter((path) => !exists(path))).toEqual([]);
  });

  it('carries the whole text of the Apache licence, unchanged', () => {
    const words = readText('LICENSE').split(/\s+/).filter(Boolean).join(' ');
    expect(createHash('sha256').update(words).digest('hex')).toBe(
      '0ffddef9e48f8a09aed5caf2d44f7ba1c1be2d9b8e0a6f693b1635b2d5566645',
    );
  });

  it('prepares before it starts and before it tests', () => {
    expect(packageJson.scripts).toMatchObject({
      prestart: 'node scripts/prepare.mjs',
      pretest: 'node scripts/prepare.mjs',
      start: expect.stringContaining('dist/apps/composer/src/main.js'),
      test: 'node scripts/test.mjs',
    });
  });

  it('lets continuous integration run what developers run', () => {
    expect(readText('.ci/run')).toMatch(/^exec npm test$/m);
    expect(statSync(join(ROOT, '.ci/run')).mode & 0o111).toBe(0o111);
  });

  it('ignores what is made and what is secret', () => {
    const ignored = readText('.gitignore').split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['node_modules/', 'dist/', '.data/', '.env', '.prepare.lock*']));
  });

  it('has fragments that the change log can fold', () => {
    expect(() => execFileSync(process.execPath, [join(ROOT, 'scripts/changelog.mjs'), '--check'])).not.toThrow();
  });
});
