import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type CheckoutCopy, copyCheckout } from '../support/checkout-copy.js';
import { RunningChild } from '../support/child-process.js';
import { freePorts } from '../support/free-ports.js';

interface Block {
  readonly language: string;
  readonly text: string;
  /** Of the README, counted from 1. */
  readonly line: number;
}

/** What a test cannot run, or is itself. Everything else in a `sh` block is typed as it stands. */
const NOT_TYPED: readonly [RegExp, string][] = [
  [/^npm test\b/m, 'this is it'],
  [/\bdocker compose\b/, 'needs Docker; the files are checked by the architecture tests'],
];
const STAYS = /# keeps running$/m;
const UP = /ready on|listening on/i;
const TERMINALS = 60_000;

const blocks = blocksOf(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'));
const typed = blocks.filter(({ language, text }) => language === 'sh' && !NOT_TYPED.some(([what]) => what.test(text)));
const servers = typed.filter(({ text }) => STAYS.test(text));
const commands = typed.filter(({ text }) => !STAYS.test(text));

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
      const { code, stdout, stderr } = await type(block).end(TERMINALS);
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).not.toContain('COMPOSER_'); // the code of a refusal
      const answer = blocks[blocks.indexOf(block) + 1];
      for (const line of answer?.language === 'text' ? answer.text.trim().split('\n') : [])
        expect(stdout).toContain(line);
    },
    90_000,
  );
});

/** In a shell, as a person would; only the ports are other ones. */
function type({ text }: Block, env: Record<string, string | undefined> = {}): RunningChild {
  const script = text.replaceAll(/(?<=127\.0\.0\.1:|PORT=)\d{4}/g, (port) => ports.get(port) ?? port);
  const dataDir = join(checkout.root, '.data');
  return new RunningChild(['bash', '-euo', 'pipefail', '-c', script], {
    cwd: checkout.root,
    // The command line works on the database, which the running composer has open.
    env: { COMPOSER_DATA_DIR: text.includes('composer --') ? `${dataDir}-2` : dataDir, ...env },
    isGroup: true,
  });
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ 1: language = '', 2: text = '', index }) => ({
    language,
    text,
    line: markdown.slice(0, index).split('\n').length,
  }));
}
