import { dirname, posix } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { type SourceFile, allSources, exists, filesUnder, isTest, packageJson, partOf } from './house.js';

/**
 * Each part may import only the parts on its line. The lines are ordered: nothing may point down. A missing arrow is
 * a decision (docs/adr), not an edit.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  migrations: [],
  config: ['kernel'],
  pages: ['config'],
  tenancy: ['kernel'],
  observability: ['kernel', 'config', 'tenancy'],
  persistence: ['kernel', 'config', 'observability', 'migrations'],
  egress: ['kernel', 'config', 'observability'],
  audit: ['kernel', 'config', 'tenancy', 'observability', 'persistence'],
  access: ['kernel', 'config', 'pages', 'tenancy', 'observability', 'persistence', 'egress', 'audit'],
  'token-store': ['kernel', 'config', 'tenancy', 'observability', 'persistence', 'audit'],
  'session-store': ['kernel', 'config', 'observability', 'persistence'],
  auth: ['kernel', 'config', 'pages', 'tenancy', 'observability', 'egress', 'audit', 'token-store'],
  registry: ['kernel', 'config', 'tenancy', 'observability', 'persistence', 'audit', 'auth'],
  builder: ['kernel', 'config', 'observability', 'egress', 'auth', 'registry'],
  gateway: ['kernel', 'config', 'tenancy', 'observability', 'audit', 'session-store', 'registry', 'builder'],
  health: ['kernel', 'config', 'tenancy', 'observability', 'persistence', 'builder'],
};
const ORDER = Object.keys(MAY_IMPORT);
const PARTS = [...ORDER, 'composer'];

interface Import {
  readonly from: SourceFile;
  readonly specifier: string;
}

const sources = allSources();
const imports: readonly Import[] = sources.flatMap((from) =>
  ts.preProcessFile(from.text, true, true).importedFiles.map(({ fileName }) => ({ from, specifier: fileName })),
);
const doors = imports.filter(({ specifier }) => specifier.startsWith('#'));
const relatives = imports.filter(({ specifier }) => specifier.startsWith('.'));

const show = (found: readonly Import[]): string[] => found.map(({ from, specifier }) => `${from.path} -> ${specifier}`);
const doorOf = (specifier: string): string => specifier.slice(1).split('/')[0] ?? '';

describe('import directions', () => {
  it.each(ORDER)('%s may import only what stands above it', (part) => {
    for (const target of MAY_IMPORT[part] ?? []) {
      expect(ORDER).toContain(target);
      expect(ORDER.indexOf(target)).toBeLessThan(ORDER.indexOf(part));
    }
  });

  it('knows every folder under libs, apps and migrations', () => {
    const seen = new Set(sources.map(({ path }) => partOf(path)).filter((part) => part !== undefined));
    expect([...seen].filter((part) => !PARTS.includes(part))).toEqual([]);
  });

  it.each(ORDER)('%s imports no part that its line does not name', (part) => {
    const wrong = doors.filter(({ from, specifier }) => {
      if (partOf(from.path) !== part || isTest(from)) return false;
      const target = doorOf(specifier);
      return target !== part && !(MAY_IMPORT[part] ?? []).includes(target);
    });
    expect(show(wrong)).toEqual([]);
  });

  it('lets no lib import its own front door', () => {
    const own = doors.filter(
      ({ from, specifier }) => from.path.startsWith('libs/') && specifier === `#${partOf(from.path)}`,
    );
    expect(show(own)).toEqual([]);
  });

  it('lets nobody import the app but its own files and the tests', () => {
    const upward = relatives.filter(
      ({ from, specifier }) =>
        !isTest(from) && partOf(from.path) !== 'composer' && targetOf({ from, specifier }).startsWith('apps/'),
    );
    expect(show(upward)).toEqual([]);
  });
});

describe('front doors', () => {
  it('uses only entries that package.json declares', () => {
    expect(show(doors.filter(({ specifier }) => packageJson.imports[specifier] === undefined))).toEqual([]);
  });

  it('keeps the testing entries out of production code', () => {
    expect(show(doors.filter(({ from, specifier }) => specifier.endsWith('/testing') && !isTest(from)))).toEqual([]);
  });

  it('each lead to a file of their lib, in the sources and in dist; those for tests only in the sources', () => {
    const wrong = Object.entries(packageJson.imports).filter(([name, targets]) => {
      const source = targets['composer-src'] ?? '';
      const built = name.endsWith('/testing') ? undefined : source.replace('./', './dist/').replace(/\.ts$/, '.js');
      return !exists(source) || partOf(posix.normalize(source)) !== doorOf(name) || targets['default'] !== built;
    });
    expect(wrong.map(([name, targets]) => `${name} -> ${targets['composer-src']}`)).toEqual([]);
  });

  it('gives every lib an entry', () => {
    const libs = new Set(filesUnder('libs', (path) => path.endsWith('.ts')).map(({ path }) => `#${partOf(path)}`));
    expect([...libs].filter((name) => packageJson.imports[name] === undefined)).toEqual([]);
  });

  it('re-exports by name, so that a reader sees what a lib offers', () => {
    const star = sources.filter(({ path, text }) => path.endsWith('src/index.ts') && /^export \*/m.test(text));
    expect(star.map(({ path }) => path)).toEqual([]);
  });
});

describe('relative imports', () => {
  it('stay within their lib', () => {
    const climbing = relatives.filter(({ from, specifier }) => {
      const part = partOf(from.path);
      const target = targetOf({ from, specifier });
      if (part === undefined) return partOf(target) !== undefined && partOf(target) !== 'composer';
      if (isTest(from) && target.startsWith('test/')) return false;
      return partOf(target) !== part;
    });
    expect(show(climbing)).toEqual([]);
  });

  it('import files, never the front door of the own lib', () => {
    const own = relatives.filter(({ from, specifier }) => {
      const target = targetOf({ from, specifier });
      return from.path.startsWith('libs/') && /^libs\/[^/]+\/src\/index\.js$/.test(target);
    });
    expect(show(own)).toEqual([]);
  });

  it('never climb three folders', () => {
    expect(show(imports.filter(({ specifier }) => specifier.startsWith('../../../')))).toEqual([]);
  });
});

function targetOf({ from, specifier }: Import): string {
  return posix.normalize(posix.join(dirname(from.path), specifier));
}
