import { basename, dirname } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { allSources, exists, filesUnder, isSpec, isTest } from './house.js';

/** What may stand after the last dot but one. Besides, a port's implementations carry the port's own file name. */
const ROLES = [
  'module',
  'controller',
  'guard',
  'filter',
  'strategy',
  'verifier',
  'change-feed',
  'documents',
  'member',
  'store',
  'config',
  'errors',
  'error',
].concat([
  'contract',
  'spec',
  'e2e-spec',
  'decorator',
  'interceptor',
  'pipe',
  'listener',
  'migration',
  'schema',
  'worker',
  'examples',
]);
const MIGRATION = /^\d{13}-[a-z0-9-]+\.ts$/;
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.ts$/;

const sources = allSources();
const production = sources.filter((file) => !isTest(file));
const paths = (files: readonly { readonly path: string }[]): string[] => files.map(({ path }) => path);

describe('file names', () => {
  it('are lower case, words joined by hyphens, roles by dots', () => {
    expect(paths(sources.filter(({ path }) => !KEBAB.test(basename(path)) && !MIGRATION.test(basename(path))))).toEqual(
      [],
    );
  });

  it('carry a known role, or the name of a port of the same lib', () => {
    const unknown = sources.filter(({ path }) => {
      const role = basename(path, '.ts').split('.').slice(1).at(-1);
      return role !== undefined && !ROLES.includes(role) && !hasPort(path, role);
    });
    expect(paths(unknown)).toEqual([]);
  });

  it('of migrations start with the time they were written', () => {
    const migrations = filesUnder('migrations', (path) => path.endsWith('.ts'));
    const odd = migrations.filter((file) => !isSpec(file) && !['index.ts'].includes(basename(file.path)));
    expect(paths(odd.filter(({ path }) => !MIGRATION.test(basename(path))))).toEqual([]);
  });

  it('never name a drawer instead of a job', () => {
    const drawers = /(^|[-./])(utils?|common|shared|helpers?|misc|services?|managers?)([-./]|$)/;
    // A fixture may play a service: there the word is the job.
    const named = sources.filter(({ path }) => !path.startsWith('test/fixtures/') && drawers.test(path));
    expect(paths(named)).toEqual([]);
  });
});

describe('classes', () => {
  it('are named like their file, one exported class a file', () => {
    const wrong = production.flatMap(({ path, text }) => {
      if (/\.errors\.ts$/.test(path) || path.startsWith('migrations/')) return [];
      const classes = exportedClasses(text);
      const expected = basename(path, '.ts').replaceAll(/[-.]/g, '').toLowerCase();
      return classes.length === 0 || (classes.length === 1 && classes[0]?.toLowerCase() === expected)
        ? []
        : [`${path}: ${classes.join(', ')}`];
    });
    expect(wrong).toEqual([]);
  });

  it('in an errors file are errors', () => {
    const wrong = production
      .filter(({ path }) => path.endsWith('.errors.ts'))
      .flatMap(({ path, text }) =>
        exportedClasses(text)
          .filter((name) => !name.endsWith('Error'))
          .map((name) => `${path}: ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  it('say their job, not Service, Manager, Helper, Util, Common or Base', () => {
    const vague =
      /^\s*(?:export\s+)?(?:default\s+)?(?:abstract\s+)?class\s+(\w*(?:Service|Manager|Helpers?|Utils?|Common|Base))\b/gm;
    const found = sources.flatMap(({ path, text }) => [...text.matchAll(vague)].map(([, name]) => `${path}: ${name}`));
    expect(found).toEqual([]);
  });
});

function exportedClasses(text: string): string[] {
  return [...text.matchAll(/^export (?:default )?(?:abstract )?class (\w+)/gm)].map(([, name]) => name ?? '');
}

/** `sealed.token-store.ts` implements the port in `token-store.ts`, found in its own folder or one above it. */
function hasPort(path: string, role: string): boolean {
  for (let folder = dirname(path); folder.includes('/'); folder = dirname(folder)) {
    if (exists(`${folder}/${role}.ts`)) return true;
  }
  return false;
}
