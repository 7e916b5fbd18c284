import { dirname, posix } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { commandLine } from '../../apps/composer/src/commands/command-line.js';
import { allDocuments, allSources, exists, filesUnder, isTest, packageJson, readText } from './house.js';

const documents = allDocuments();
const NAME = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;

describe('docs/configuration.md', () => {
  const declared = declaredVariables();
  const documented = new Set(
    [...readText('docs/configuration.md').matchAll(/^\| ((?:`[A-Z0-9_]+`(?:, )?)+)/gm)].flatMap(([, cell]) =>
      [...(cell ?? '').matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name ?? ''),
    ),
  );

  it('is checked against a source that declares variables', () => {
    expect(declared).toContain('COMPOSER_STAGE');
    expect(documented).toContain('COMPOSER_STAGE');
  });

  it('has a row for every variable that a configuration slice declares', () => {
    expect([...declared].filter((name) => !documented.has(name))).toEqual([]);
  });

  it('has no row for a variable that nothing reads', () => {
    expect([...documented].filter((name) => !declared.has(name))).toEqual([]);
  });
});

describe('the documents', () => {
  it('name only npm scripts that exist', () => {
    const unknown = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/\bnpm (?:run(?: --?[\w-]+)* ([\w:-]+)|(start|test)\b)/g)]
        .map(([, run, short]) => run ?? short ?? '')
        .filter((name) => packageJson.scripts[name] === undefined)
        .map((name) => `${path}: npm run ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it('name only scripts and files of the house that exist', () => {
    const missing = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/`(?:node )?((?:scripts|docs|test|libs|apps|migrations|changes)\/[\w./-]+)/g)]
        .map(([, file]) => (file ?? '').replace(/[.,]$/, ''))
        .filter((file) => !file.endsWith('/') && !exists(file))
        .map((file) => `${path}: ${file}`),
    );
    expect(missing).toEqual([]);
  });

  it('link only to what is there', () => {
    const broken = documents.flatMap(({ path, text }) =>
      linksOf(text)
        .filter((link) => !/^(?:[a-z]+:|\/\/)/i.test(link))
        .filter((link) => !resolves(path, link))
        .map((link) => `${path}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('list every decision', () => {
    const index = readText('docs/adr/README.md');
    const pages = filesUnder('docs/adr', (path) => /\/\d{4}-[a-z0-9-]+\.md$/.test(path));
    expect(pages.length).toBeGreaterThan(0);
    expect(pages.filter(({ path }) => !index.includes(`(${posix.basename(path)})`)).map(({ path }) => path)).toEqual(
      [],
    );
  });

  it('give every decision its context, decision, consequences and rejected options', () => {
    const pages = filesUnder('docs/adr', (path) => /\/\d{4}-[a-z0-9-]+\.md$/.test(path));
    const parts = ['Status: ', '## Context', '## Decision', '## Consequences', '## Rejected'];
    expect(
      pages.flatMap(({ path, text }) => parts.filter((part) => !text.includes(part)).map((part) => `${path}: ${part}`)),
    ).toEqual([]);
  });

  it('name only error codes that the code knows', () => {
    const known = new Set(allSources().flatMap(({ text }) => text.match(/\bCOMPOSER_[A-Z_]+\b/g) ?? []));
    const unknown = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/`(COMPOSER_[A-Z_]+)`/g)]
        .filter(([, code]) => !known.has(code ?? ''))
        .map(([, code]) => `${path}: ${code}`),
    );
    expect(unknown).toEqual([]);
  });

  it('list every command in the README, and no other one', () => {
    const [, section = ''] = /^## The command line$([\s\S]*?)^## /m.exec(readText('README.md')) ?? [];
    const cells = [...section.matchAll(/^\| (`.+?) \|/gm)].map(([, cell]) => cell ?? '');
    const told = cells.flatMap((cell) => [...cell.matchAll(/`([a-z]+(?: [a-z]+)?)/g)].map(([, name]) => name ?? ''));
    const known = commandLine().commands.flatMap((command) =>
      command.commands.length > 0 ? command.commands.map((part) => `${command.name()} ${part.name()}`) : command.name(),
    );
    expect([...new Set(told)].sort()).toEqual(known.sort());
  });

  it('print the import table as it is tested', () => {
    const table = readText('test/architecture/import-dag.spec.ts');
    const rows = [
      ...readText('docs/architecture.md').matchAll(/^\| ([a-z]+(?:-[a-z]+)*) \| (–|(?!may )[a-z -]+) \|$/gm),
    ];
    const told = rows.map(([, part, libs]) => [part, libs === '–' ? [] : (libs ?? '').split(' ')]);
    const tested = [...table.matchAll(/^ {2}'?([a-z-]+)'?: \[(.*)\],$/gm)].map(([, part, libs]) => [
      part,
      [...(libs ?? '').matchAll(/'([^']+)'/g)].map(([, lib]) => lib),
    ]);
    expect(told).toEqual(tested);
  });
});

/** The keys of every zod object in a `*.config.ts` file or beside a `configSlice`, and what is read by name. */
function declaredVariables(): Set<string> {
  const names = new Set<string>();
  for (const file of allSources()) {
    if (isTest(file) || !/configSlice|readEnv\(|environment\(\)|process\.env/.test(file.text)) continue;
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAssignment(node) && (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name))) {
        names.add(node.name.text);
      }
      if (ts.isElementAccessExpression(node) && ts.isStringLiteral(node.argumentExpression)) {
        names.add(node.argumentExpression.text);
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest));
  }
  return new Set([...names].filter((name) => NAME.test(name)));
}

/** Targets of links and images, outside of code. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)].map(([, target]) => target ?? '');
}

function resolves(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : posix.normalize(posix.join(dirname(from), decodeURIComponent(path)));
  if (target.startsWith('..') || !exists(target)) return false;
  return !anchor || !target.endsWith('.md') || anchorsOf(readText(target)).has(anchor);
}

/** Anchors as GitHub makes them: lower case, punctuation gone, blanks to hyphens. */
function anchorsOf(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) =>
      (title ?? '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );
}
