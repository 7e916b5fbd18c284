import { describe, expect, it } from '@jest/globals';
import { type SourceFile, allSources, filesUnder, isSpec, isTest } from './house.js';

const sources = allSources();
const production = sources.filter((file) => !isTest(file));

/** Lines of `files` that match; with `justifiable`, those without a comment on the same line or the one before. */
function linesWith(files: readonly SourceFile[], pattern: RegExp, justifiable = false): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      if (isComment(line) || !pattern.test(line)) return [];
      if (justifiable && (/\/\/ \S/.test(line) || isComment(lines[index - 1] ?? ''))) return [];
      return [`${path}:${index + 1}: ${line.trim()}`];
    }),
  );
}

const isComment = (line: string): boolean => /^\s*(\/\/|\/\*|\*)/.test(line);

describe('file sizes', () => {
  it('of sources stay within 350 lines', () => {
    expect(
      tooLong(
        sources.filter((file) => !isSpec(file)),
        350,
      ),
    ).toEqual([]);
  });

  it('of specs stay within 500 lines', () => {
    expect(tooLong(sources.filter(isSpec), 500)).toEqual([]);
  });

  it('of the kernel stay within 300 lines in all: it is for what everybody needs', () => {
    const kernel = filesUnder('libs/kernel', (path) => path.endsWith('.ts')).filter((file) => !isTest(file));
    expect(kernel.reduce((sum, { lines }) => sum + lines.length, 0)).toBeLessThanOrEqual(300);
  });

  it('of scripts stay within 350 lines', () => {
    expect(
      tooLong(
        filesUnder('scripts', (path) => path.endsWith('.mjs')),
        350,
      ),
    ).toEqual([]);
  });
});

describe('what no source contains', () => {
  it.each([
    ['forwardRef', /\bforwardRef\b/],
    ['@Global', /@Global\b/],
    ['a database that changes its own schema', /synchronize: true/],
    ['any', /(:|<|\bas) any\b/],
  ])('%s, unless a comment beside it says why', (_name, pattern) => {
    expect(linesWith(production, pattern, true)).toEqual([]);
  });

  it.each([
    ['request scope', /\bScope\.REQUEST\b/],
    ['console output: stdout carries the ready line, logs go through the logger', /\bconsole\.\w+\(/],
  ])('%s', (_name, pattern) => {
    expect(linesWith(production, pattern)).toEqual([]);
  });

  it.each([
    ['a TODO without the number of its issue', /\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))/],
    ['a lint rule switched off without a reason', /(?:\/\/|\/\*)\s*eslint-disable(?!.* -- \S)/],
    ['a type error silenced without a reason', /(?:\/\/|\/\*)\s*@ts-(?:ignore|nocheck|expect-error)\s*$/],
    ['an author tag', /@author\b/],
    ['commented-out code', /^\s*\/\/\s*(?:(?:const|let|var|return|await|import|export)\b.*;|\}\s*)$/],
  ])('%s', (_name, pattern) => {
    // Comments count here. The patterns themselves stand in this folder.
    const files = sources.filter(({ path }) => !path.startsWith('test/architecture/'));
    const found = files.flatMap(({ path, lines }) =>
      lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });
});

describe('the environment', () => {
  it('is read by libs/config alone', () => {
    const others = production.filter(({ path }) => !path.startsWith('libs/config/'));
    expect(linesWith(others, /\bprocess\.env\b|\bprocess\[['"]env['"]\]|from ['"](node:)?process['"]/)).toEqual([]);
  });
});

describe('other processes', () => {
  it('are started by libs/builder/src/stdio alone, which asks the list of the operator', () => {
    const others = production.filter(({ path }) => !path.startsWith('libs/builder/src/stdio/'));
    expect(linesWith(others, /from ['"](node:)?child_process['"]|import\(['"](node:)?child_process['"]\)/)).toEqual([]);
  });
});

describe('nothing mentions', () => {
  it.each([['a path of the machine it was written on', /(^|[\s'"`(])\/(work|root|tmp\/[a-z])/]])(
    '%s',
    (_name, pattern) => {
      expect(linesWith(production, pattern)).toEqual([]);
    },
  );
});

function tooLong(files: readonly SourceFile[], most: number): string[] {
  const length = ({ text, lines }: SourceFile): number => lines.length - (text.endsWith('\n') ? 1 : 0);
  return files.filter((file) => length(file) > most).map((file) => `${file.path}: ${length(file)} lines`);
}
