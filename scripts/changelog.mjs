// Folds changes/*.md into CHANGELOG.md: `node scripts/changelog.mjs 0.2.0`. With `--check` it only reads them.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const KINDS = ['security', 'added', 'changed', 'deprecated', 'removed', 'fixed'];
const [version, root = fileURLToPath(new URL('..', import.meta.url))] = process.argv.slice(2);
const folder = join(root, 'changes');

try {
  const fragments = readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map(readFragment);
  if (version !== '--check') fold(fragments);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

function readFragment(name) {
  const [head, ...paragraphs] = readFileSync(join(folder, name), 'utf8')
    .trim()
    .split(/\n\s*\n/);
  const kind = /^kind: (\w+)$/.exec(head)?.[1];
  if (!KINDS.includes(kind))
    throw new Error(`changes/${name}: the first line must be "kind: …", one of ${KINDS.join(', ')}`);
  const affects = paragraphs.pop() ?? '';
  if (paragraphs.length !== 1 || !/^Affects: \S/.test(affects)) {
    throw new Error(`changes/${name}: one paragraph must follow, and then "Affects: …", each after an empty line`);
  }
  const oneLine = (text) => text.replaceAll(/\s*\n\s*/g, ' ');
  return { name, kind, text: `- ${oneLine(paragraphs[0])} *${oneLine(affects)}*` };
}

function fold(fragments) {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version ?? ''))
    throw new Error('say which version: node scripts/changelog.mjs 0.2.0');
  if (fragments.length === 0) throw new Error('there is no fragment in changes/ to fold');
  const file = join(root, 'CHANGELOG.md');
  const log = readFileSync(file, 'utf8');
  if (log.includes(`\n## ${version}\n`)) throw new Error(`CHANGELOG.md has a section ${version} already`);

  const sections = KINDS.flatMap((kind) => {
    const entries = fragments.filter((fragment) => fragment.kind === kind).map(({ text }) => text);
    return entries.length > 0 ? [`### ${kind[0].toUpperCase()}${kind.slice(1)}\n\n${entries.join('\n')}`] : [];
  });
  const older = log.search(/^## /m);
  const [intro, rest] = older < 0 ? [log, ''] : [log.slice(0, older), log.slice(older)];
  writeFileSync(file, `${intro.trimEnd()}\n\n## ${version}\n\n${sections.join('\n\n')}\n${rest && `\n${rest}`}`);
  for (const { name } of fragments) rmSync(join(folder, name));
}
