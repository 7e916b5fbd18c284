import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { ROOT, readText } from './house.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'composer-scripts-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('scripts/changelog.mjs', () => {
  const fragment = (kind: string, text: string): string => `kind: ${kind}\n\n${text}\n\nAffects: users.\n`;

  beforeEach(() => {
    mkdirSync(join(root, 'changes'));
    write('CHANGELOG.md', '# Changes\n\nIntro.\n\n## 0.1.0\n\n### Added\n\n- old\n');
  });

  it('folds fragments by kind above the older versions, and removes them', () => {
    write('changes/b.md', fragment('fixed', 'A fault\nis gone.'));
    write('changes/a.md', fragment('added', 'A thing.'));
    expect(changelog('0.2.0').status).toBe(0);
    expect(read('CHANGELOG.md')).toBe(
      '# Changes\n\nIntro.\n\n## 0.2.0\n\n### Added\n\n- A thing. *Affects: users.*\n\n### Fixed\n\n' +
        '- A fault is gone. *Affects: users.*\n\n## 0.1.0\n\n### Added\n\n- old\n',
    );
    expect(readdirSync(join(root, 'changes'))).toEqual([]);
  });

  it.each([
    ['an unknown kind', 'kind: nice\n\nText.\n\nAffects: users.\n', '0.2.0'],
    ['nobody affected', 'kind: fixed\n\nText.\n', '0.2.0'],
    ['a version that is there already', 'kind: fixed\n\nText.\n\nAffects: users.\n', '0.1.0'],
    ['no version', 'kind: fixed\n\nText.\n\nAffects: users.\n', 'next'],
  ])('refuses %s and touches nothing', (_what, text, version) => {
    write('changes/a.md', text);
    const before = read('CHANGELOG.md');
    const { status, stderr } = changelog(version);
    expect(status).toBe(1);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(read('CHANGELOG.md')).toBe(before);
    expect(readdirSync(join(root, 'changes'))).toEqual(['a.md']);
  });

  const changelog = (version: string) => run('changelog.mjs', version, root);
});

describe('scripts/compose-secrets.mjs', () => {
  const secrets = (): Record<string, string> =>
    Object.fromEntries(readdirSync(join(root, 'secrets')).map((name) => [name, read(`secrets/${name}`)]));

  it('creates every secret that docker-compose.yml mounts, in a folder for nobody else', () => {
    expect(run('compose-secrets.mjs', root).status).toBe(0);
    const compose = parse(readText('docker-compose.yml')) as { secrets: Record<string, { file: string }> };
    for (const { file } of Object.values(compose.secrets)) expect(read(file)).not.toBe('');
    expect(statSync(join(root, 'secrets')).mode & 0o777).toBe(0o700);
    if ([0, 1000].includes(process.getuid?.() ?? -1)) {
      for (const name of Object.keys(secrets())) expect(statSync(join(root, 'secrets', name)).mode & 0o777).toBe(0o600);
    }
  });

  it('makes URLs with the passwords of the two roles, and a key ring of one random key', () => {
    run('compose-secrets.mjs', root);
    const made = secrets();
    const owner = new URL(made['migration_database_url'] ?? '');
    const application = new URL(made['database_url'] ?? '');
    expect([owner.username, owner.password]).toEqual(['composer_owner', made['postgres_owner_password']]);
    expect([application.username, application.password]).toEqual([
      'composer_application',
      made['postgres_application_password'],
    ]);
    expect(owner.password).not.toBe(application.password);
    expect(readText('scripts/compose/roles.sh')).toContain(`CREATE ROLE ${owner.username} LOGIN NOSUPERUSER`);
    expect(readText('scripts/compose/roles.sh')).toContain(`CREATE ROLE ${application.username} LOGIN NOSUPERUSER`);
    const [id, key] = (made['composer_keys'] ?? '').split(':');
    expect(id).toMatch(/^k\d{8}$/);
    expect(Buffer.from(key ?? '', 'base64')).toHaveLength(32);
  });

  it('never replaces a secret that is there', () => {
    run('compose-secrets.mjs', root);
    const before = secrets();
    expect(run('compose-secrets.mjs', root).status).toBe(0);
    expect(secrets()).toEqual(before);
  });

  it('keeps its folder out of version control by itself', () => {
    run('compose-secrets.mjs', root);
    expect(read('secrets/.gitignore')).toBe('*\n');
  });
});

const write = (path: string, text: string): void => writeFileSync(join(root, path), text);
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, [join(ROOT, 'scripts', script), ...args], { encoding: 'utf8' });
