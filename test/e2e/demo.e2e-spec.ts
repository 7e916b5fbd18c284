import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CookieBrowser } from '#pages/testing';
import { callTool } from '../fixtures/mcp-clients.js';
import { eventually } from '../fixtures/eventually.js';
import { type CheckoutCopy, copyCheckout } from '../support/checkout-copy.js';
import { RunningChild } from '../support/child-process.js';
import { ROOT } from '../architecture/house.js';

const BEARER = 'authorization: Bearer …';
/** Member, strategy, what its service saw, how it went. */
const MEMBERS: readonly [string, string, string, string?][] = [
  ['open', 'none', 'no credential'],
  ['basic', 'basic', 'authorization: Basic …'],
  ['bearer', 'bearer', 'authorization: Bearer …'],
  ['apitoken', 'apitoken', 'authorization: Token …'],
  ['apikey', 'apikey', 'x-api-key: …'],
  ['apikey-named', 'apikey', 'x-shop-key: …'],
  ['apikey-prefix', 'apikey', 'authorization: ApiKey …'],
  ['apikey-query', 'apikey', 'query: api_key=…'],
  ['apikey-cookie', 'apikey', 'cookie: shop_session=…'],
  ['iam', 'dynamic_bearer', BEARER, 'ok, renewed'],
  ['iam-json', 'dynamic_bearer', BEARER, 'ok, renewed'],
  ['token-client', 'dynamic_bearer', BEARER, 'ok, renewed'],
  ['token-refresh', 'dynamic_bearer', BEARER, 'ok, renewed'],
  ['token-turbo', 'dynamic_bearer', BEARER, 'ok, renewed'],
  ['token-get', 'dynamic_bearer', BEARER, 'ok, renewed'],
  ['token-post', 'dynamic_bearer', BEARER, 'ok, renewed'],
  ['session', 'jsessionid', 'x-xsrf-token: …, cookie: route=…; JSESSIONID=…; XSRF-TOKEN=…', 'ok, renewed'],
  ['client', 'oauth2', BEARER, 'ok, renewed'],
  ['client-post', 'oauth2', BEARER, 'ok, renewed'],
  ['client-signed', 'oauth2', BEARER, 'ok, renewed'],
  ['refresh', 'oauth2', BEARER, 'ok, renewed'],
  ['refresh-public', 'oauth2', BEARER, 'ok, renewed'],
  ['exchange', 'oauth2', BEARER, 'ok, renewed'],
  ['assertion', 'oauth2', BEARER, 'ok, renewed'],
  ['consent', 'oauth2', BEARER, 'ok, connected, renewed'],
  ['consent-new', 'oauth2', BEARER, 'ok, connected, renewed'],
];
const TOOK = String.raw`\d+ ms / \d+ ms`;
const LONG = 60_000;

/** Where the demo, and everything that it starts, puts its temporary files. */
let temporary: string;

beforeEach(() => void (temporary = mkdtempSync(join(tmpdir(), 'composer-demo-test-'))));
afterEach(() => rmSync(temporary, { recursive: true, force: true }));

describe('the demo', () => {
  it(
    'shows every member in one line, ends with 0 and leaves nothing behind',
    async () => {
      const demo = start([]);
      const { code, stdout, stderr } = await demo.end(LONG);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });

      const lines = stdout.trimEnd().split('\n');
      const expected = [
        /^member +strategy +tool +the service saw +result +2025-11-25 \/ 2026-07-28$/,
        ...MEMBERS.map(([id, strategy, seen, how = 'ok']) => line(id, strategy, `${id}_say_hello`, seen, how, TOOK)),
        line('layered', 'bearer', 'layered_make_tool_call', BEARER, 'ok', TOOK),
        line('graphql', 'bearer', 'graphql_greeting', 'authorization: Bearer …', 'ok', TOOK),
        line('everything', 'none', 'everything_echo', 'MCP over HTTP', 'ok', TOOK),
        line('everything-sse', 'none', 'everything-sse_echo', 'MCP over HTTP+SSE', 'ok', TOOK),
        line('everything-stdio', 'none', 'everything-stdio_echo', 'MCP over stdio', 'ok', TOOK),
        line('letters', 'none', 'letters_thank', 'a prompt, kept here', 'ok', TOOK),
        line('curl', 'bearer', 'curl_curl', BEARER, 'ok', TOOK),
        line('fragment', 'bearer', 'fragment_say_hello', BEARER, 'ok', TOOK),
        line(
          'wrong-bearer',
          'bearer',
          'wrong-bearer_say_hello',
          'authorization: Bearer …',
          'refused: 401',
          String.raw`\d+ ms`,
        ),
        /^Every member answered, and the wrong credential was refused\.$/,
      ];
      expect(lines).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
      expect(isGone(demo)).toBe(true);
      expect(readdirSync(temporary)).toEqual([]);
    },
    LONG,
  );

  it.each([
    { signal: 'SIGINT', moment: 'its servers begin to start', folders: 1 },
    { signal: 'SIGTERM', moment: 'the database of its composer starts', folders: 2 },
  ] as const)(
    'leaves nothing behind when $signal interrupts it as $moment',
    async ({ signal, folders }) => {
      const demo = start([]);
      await eventually(() => expect(readdirSync(temporary)).toHaveLength(folders), LONG);
      demo.signal(signal);
      const { code } = await demo.end(LONG);
      expect(code).toBe(130);
      expect(isGone(demo)).toBe(true);
      expect(readdirSync(temporary)).toEqual([]);
    },
    LONG,
  );

  it(
    'stays with --keep, says how to connect, lets a person connect a member, and ends with 0 on Ctrl-C',
    async () => {
      const demo = start(['--keep']);
      const told = /Still running.* to (\S+)\n(?:.*\n)*The member "yours" waits .*\n +(\S+)\n/;
      const [, mcpUrl = '', link = ''] = await demo.waitFor('stdout', told, LONG);
      const { origin } = new URL(mcpUrl);
      const answer = await fetch(`${origin}/api/v1/servers`);
      const { items } = (await answer.json()) as { items: { id: string }[] };
      expect(items.map(({ id }) => id)).toEqual(
        expect.arrayContaining(['open', 'everything', 'wrong-bearer', 'yours']),
      );

      const call = () => callTool(origin, 'yours_say_hello', { name: 'Grace' });
      expect(await call()).toMatchObject({ isError: true, content: [{ text: expect.stringContaining(link) }] });
      const browser = new CookieBrowser();
      const asked = await browser.submit(await browser.follow(link), 'allow');
      const signIn = await browser.follow(asked.next!);
      expect(signIn.text).toContain('<h1>Sign in to the demo</h1>');
      expect(await call()).toMatchObject({ isError: true });
      const signedIn = await browser.submit(signIn, '', { person: 'Grace' });
      expect((await browser.follow(signedIn.next!)).text).toContain('is connected');
      expect(await call()).toMatchObject({ structuredContent: { greeting: 'Hello, Grace!' } });

      demo.signal('SIGINT');
      expect(await demo.end(LONG)).toMatchObject({ code: 0, stderr: '' });
      expect(isGone(demo)).toBe(true);
      expect(readdirSync(temporary)).toEqual([]);
    },
    LONG,
  );

  it(
    'takes its servers with it when it is killed',
    async () => {
      const demo = start(['--keep']);
      await demo.waitFor('stdout', /Still running/, LONG);
      process.kill(demo.pid, 'SIGKILL');
      await eventually(() => expect(isGone(demo)).toBe(true), LONG);
    },
    LONG,
  );

  it(
    'fails, and shows which member and why, when a service refuses its credential',
    async () => {
      const copy = copyCheckout({ isBuilt: true });
      try {
        spoil(copy, "header('x-shop-key', secret)", "header('x-shop-key', 'another')");
        const { code, stdout, stderr } = await start([], copy.root).end(LONG);
        expect(code).toBe(1);
        expect(stdout).toMatch(/^apikey-named .*FAILED.*401/m);
        expect(stdout).not.toContain('Every member answered');
        expect(stderr).toMatch(/^demo: failed for apikey-named;/);
        expect(readdirSync(temporary)).toEqual([]);
      } finally {
        copy.remove();
      }
    },
    LONG,
  );

  it('tells what it does with --help, and refuses what it does not know with 2', async () => {
    const help = await start(['--help']).end();
    expect(help).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^Usage: npm run demo .*--keep/) });
    const wrong = await start(['--nope']).end();
    expect(wrong).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--nope') });
  });
});

function start(args: readonly string[], cwd = ROOT): RunningChild {
  return new RunningChild([process.execPath, 'scripts/demo.mjs', ...args], {
    cwd,
    env: { TMPDIR: temporary },
    isGroup: true,
  });
}

/** Neither the demo nor anything that it started lives any more. */
function isGone(demo: RunningChild): boolean {
  try {
    process.kill(-demo.pid, 0);
    return false;
  } catch {
    return true;
  }
}

function line(...cells: readonly string[]): RegExp {
  const texts = cells.slice(0, -1).map((cell) => cell.replaceAll(/[.*+?^$()[\]{}|\\]/g, String.raw`\$&`));
  return new RegExp(`^${[...texts, cells.at(-1)].join(' +')}$`);
}

function spoil({ root }: CheckoutCopy, right: string, wrong: string): void {
  const file = join(root, 'scripts/demo/strategies.mjs');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(right);
  writeFileSync(file, text.replace(right, wrong));
}
