// `npm run chaos:documents [-- <options>]`: imports 10,000 real documents that were changed at random, and those
// that are made to do harm, as the composer does. None crashes, hangs, holds the event loop for more than 50 ms of the
// processor, reads a file or opens a connection, or the exit code is 1. The seed, which is printed, repeats a run.
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { endWith } from './prepare/end-with.mjs';
import { PrepareFailure } from './prepare/npm.mjs';
import { bombs } from './specs/bombs.mjs';
import { documentsIn } from './specs/documents.mjs';
import { importAll } from './specs/importers.mjs';
import { mutantOf, randomFrom } from './specs/mutants.mjs';

const WATCHED = new URL('./specs/watched.worker.mjs', import.meta.url).href;
const EXAMPLES = dirname(createRequire(import.meta.url).resolve('@readme/oas-examples/package.json'));
const MOST_BLOCKED_MS = 50;
const MAX_DOCUMENTS = 1_000_000;
const AT_ONCE = 500;
const LARGEST_EXAMPLE = 200_000;
const PROCESSES = 2;
/** Their bytes are changed, and most are refused for it. */
const YAML_SHARE = 0.1;
const isJson = (text) => text.startsWith('{');

const HELP = `npm run chaos:documents -- [options]

  --documents <n>   how many changed documents; 10,000 unless given
  --seed <n>        repeats a run
  --bombs <text>    of the documents that are made to do harm, only those whose name contains this
  --help
`;
const options = {
  documents: { type: 'string', default: '10000' },
  seed: { type: 'string' },
  bombs: { type: 'string', default: '' },
  help: { type: 'boolean', default: false },
};

const write = (text) => process.stdout.write(`${text}\n`);

await endWith(async () => {
  const { values: wanted } = parseArgs({ options });
  if (wanted.help) return (write(HELP), 0);
  const [documents, seed] = [Number(wanted.documents), Number(wanted.seed ?? randomInt(2 ** 31))];
  if (![documents, seed].every((value) => Number.isInteger(value) && value >= 0) || documents > MAX_DOCUMENTS) {
    throw new PrepareFailure(`--documents and --seed are whole numbers; documents up to ${MAX_DOCUMENTS}`);
  }
  const scratch = mkdtempSync(join(tmpdir(), 'composer-documents-'));
  const server = await startServer();
  try {
    return await run({ documents, seed, scratch, server, only: wanted.bombs });
  } finally {
    server.close();
    rmSync(scratch, { recursive: true, force: true });
  }
});

async function run({ documents, seed, scratch, server, only }) {
  const folder = mkdtempSync(join(scratch, 'in-'));
  const secret = join(scratch, 'secret.json');
  writeFileSync(secret, '{"type":"string","description":"a secret of the machine"}');
  const beyond = { file: pathToFileURL(secret).href, server: server.url };
  const results = [];
  const importThose = async (files) => {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    await importAll(folder, Object.keys(files), {
      count: PROCESSES,
      note: (one) => results.push(one),
      entry: WATCHED,
    });
    for (const name of Object.keys(files)) rmSync(join(folder, name));
  };

  const chosen = Object.entries(bombs(beyond)).filter(([name]) => name.includes(only));
  await importThose(Object.fromEntries(chosen));
  const made = results.length;
  const texts = documentsIn(EXAMPLES)
    .map((file) => readFileSync(join(EXAMPLES, file), 'utf8'))
    .filter((text) => text.length < LARGEST_EXAMPLE && /openapi|swagger/.test(text));
  const [json, yaml] = [texts.filter(isJson), texts.filter((text) => !isJson(text))];
  const random = randomFrom(seed);
  for (let at = 0; at < documents; at += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, documents - at) }, (_, n) => [
      `${at + n}.json`,
      mutantOf(random() < YAML_SHARE ? yaml : json, random, Object.values(beyond)),
    ]);
    await importThose(Object.fromEntries(batch));
    process.stderr.write(`${at + batch.length} of ${documents}\n`);
  }
  return judge(results, { made, seed, connections: server.connections() });
}

function judge(results, { made, seed, connections }) {
  const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
  const byBlocked = results.toSorted((one, other) => (other.blocked ?? 0) - (one.blocked ?? 0));
  const bySlow = results.toSorted((one, other) => other.ms - one.ms);
  const faults = results.filter(({ outcome }) => outcome === 'crashed' || outcome === 'hung');
  const blocking = results.filter(({ blocked = 0 }) => blocked > MOST_BLOCKED_MS);
  write(`${results.length} documents, ${made} of them made to do harm, seed ${seed}`);
  write(`${count('imported')} imported, ${count('refused')} refused with a reason, ${faults.length} crashed or hung`);
  write(`${connections} connections to the server that documents name`);
  const show = ({ file, blocked, delay, ms, outcome }) =>
    `  ${file}: ${blocked?.toFixed(1)} ms of the processor at a time, waited ${delay?.toFixed(1)} ms; ${outcome} in ${ms.toFixed(0)} ms`;
  write(`the longest turns of the event loop:\n${byBlocked.slice(0, 8).map(show).join('\n')}`);
  write(`the slowest:\n${bySlow.slice(0, 5).map(show).join('\n')}`);
  for (const { file, reason } of faults.slice(0, 10)) write(`${file}: ${reason}`);
  const reached = new Set(results.flatMap((result) => result.reached ?? []));
  write(`${reached.size} doors to files, the network and other processes were opened ${[...reached].join()}`.trimEnd());
  const isGood = faults.length + blocking.length + connections + reached.size === 0;
  write(isGood ? 'good' : 'not good enough');
  return isGood ? 0 : 1;
}

async function startServer() {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    connections: () => connections,
    close: () => server.close(),
  };
}
