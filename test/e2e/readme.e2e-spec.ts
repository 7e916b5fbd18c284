import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../fixtures/eventually.js';
import { type CheckoutCopy, copyCheckout } from '../support/checkout-copy.js';
import { type Ended, RunningChild } from '../support/child-process.js';
import { type Block, answerOf, blocksOf } from '../support/document-blocks.js';
import { freePorts } from '../support/free-ports.js';
import { ProductionShell } from '../support/production-shell.js';

/** What a test cannot run, or is itself. Everything else in a `sh` block is typed as it stands. */
const NOT_TYPED: readonly [RegExp, string][] = [
  [/^npm test\b/m, 'this is it'],
  [/\bdocker compose up\b/, 'needs Docker; the files are checked by the architecture tests'],
];
const STAYS = /# keeps running$/m;
const UP = /ready on|listening on/i;
const TERMINALS = 60_000;
/** What is typed on the host of a production composer. */
const ON_THE_HOST = ['Production', 'The command line'];

const blocks = blocksOf(documentAt('README.md'));
const typed = blocks.filter(({ language, text }) => language === 'sh' && !NOT_TYPED.some(([what]) => what.test(text)));
const servers = typed.filter(({ text }) => STAYS.test(text));
const commands = typed.filter(({ text, section }) => !STAYS.test(text) && !ON_THE_HOST.includes(section));
const onTheHost = typed.filter(({ section }) => ON_THE_HOST.includes(section));
const local = blocksOf(documentAt('docs/local-servers.md'));
const access = blocksOf(documentAt('docs/access.md'));
const rotation = blocksOf(documentAt('docs/operations.md')).filter(({ section }) => section === 'Keys');

let checkout: CheckoutCopy;
/** The ports that the README names, and free ones in their place. */
let ports: ReadonlyMap<string, string>;
const running: RunningChild[] = [];

beforeAll(async () => {
  checkout = copyCheckout({ isBuilt: true });
  const [composer = 0, greeter = 0, everything = 0] = await freePorts(3);
  ports = new Map([
    ['9000', String(composer)],
    ['9100', String(greeter)],
    ['9101', String(everything)],
  ]);
});

afterAll(async () => {
  for (const child of running) {
    if (!child.hasEnded) await child.kill('SIGTERM');
  }
  checkout.remove();
}, TERMINALS);

describe('the README', () => {
  it('opens with the two commands', () => {
    expect(blocks[0]).toMatchObject({
      language: 'sh',
      line: 3,
      text: expect.stringMatching(/^npm start\b.*\nnpm test\b/),
    });
  });

  it('has only blocks that are typed, that show what is answered, or that are known not to run', () => {
    expect(blocks.filter(({ language }) => language !== 'sh' && language !== 'text')).toEqual([]);
    expect(blocks.length - typed.length - blocks.filter(({ language }) => language === 'text').length).toBe(
      NOT_TYPED.length,
    );
    expect(servers).toHaveLength(3);
  });

  it.each(servers)(
    'starts what keeps running in line $line',
    async (block) => {
      // Only the default of a port is said by the environment; where the README says one, it is replaced in the text.
      const port = block.text.includes('npm start') ? '9000' : '9100';
      const server = type(block, { PORT: ports.get(port) });
      running.push(server);
      await server.waitFor('output', UP, TERMINALS);
    },
    90_000,
  );

  it.each(commands)(
    'says what works in line $line',
    async (block) => {
      expectAnswer(await type(block).end(TERMINALS), answerOf(block, blocks));
    },
    90_000,
  );
});

describe('docs/local-servers.md', () => {
  it('has only blocks that are typed, or that show what is answered or written', () => {
    expect(local.filter(({ language }) => !['sh', 'text', 'json'].includes(language))).toEqual([]);
  });

  it.each(local.filter(({ language }) => language === 'sh'))(
    'says what works in line $line, where the tour has ended',
    async (block) => expectAnswer(await type(block).end(TERMINALS), answerOf(block, local)),
    90_000,
  );
});

describe('in production', () => {
  let shell: ProductionShell;
  beforeAll(async () => void (shell = await ProductionShell.open(checkout.root)), 90_000);
  afterAll(() => shell?.close(), TERMINALS);

  it('the log says how to let the first one in', async () => {
    expect(onTheHost.length).toBeGreaterThan(2);
    await eventually(() => expect(shell.log).toMatch(/"level":"warn".*nobody can call yet.*tenant create/));
  });

  it.each(onTheHost)(
    'what the README says in line $line works',
    async (block) => expectAnswer(await shell.run(block.text), answerOf(block, blocks)),
    90_000,
  );

  it('docs/access.md has only blocks that are typed, or that show what is answered or written', () => {
    expect(access.filter(({ language }) => !['sh', 'text', 'json'].includes(language))).toEqual([]);
  });

  it.each(access.filter(({ language }) => language === 'sh'))(
    'what docs/access.md says in line $line works',
    async (block) => expectAnswer(await shell.run(block.text), answerOf(block, access)),
    90_000,
  );

  it('docs/operations.md has a rotation of the key ring that is typed', () => {
    expect(rotation.map(({ language }) => language)).toEqual(['sh', 'sh', 'text', 'sh']);
  });

  it.each(rotation.filter(({ language }) => language === 'sh'))(
    'what docs/operations.md says in line $line works',
    async (block) => expectAnswer(await shell.run(block.text), answerOf(block, rotation)),
    90_000,
  );
});

function expectAnswer({ code, stdout, stderr }: Ended, lines: readonly string[]): void {
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  // The code of a refusal, unless that is what is shown.
  if (!lines.some((line) => line.includes('COMPOSER_'))) expect(stdout).not.toContain('COMPOSER_');
  for (const line of lines) expect(stdout).toContain(line);
}

/** In a shell, as a person would; only the ports are other ones. */
function type({ text }: Block, env: Record<string, string | undefined> = {}): RunningChild {
  const script = text.replaceAll(/(?<=127\.0\.0\.1:|PORT=)\d{4}/g, (port) => ports.get(port) ?? port);
  const dataDir = join(checkout.root, '.data');
  return new RunningChild(['bash', '-euo', 'pipefail', '-c', script], {
    cwd: checkout.root,
    env: { COMPOSER_DATA_DIR: dataDir, ...env },
    isGroup: true,
  });
}

function documentAt(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}
