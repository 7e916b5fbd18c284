import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { type Ended, RunningChild } from '../support/child-process.js';
import { blocksOf } from '../support/document-blocks.js';
import { freePorts } from '../support/free-ports.js';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const CLI = join(CHECKOUT, 'dist/apps/composer/src/cli.js');
const VERSION = '2025-11-25';
const HELLO = [
  { id: 0, method: 'initialize', params: { protocolVersion: VERSION, capabilities: {}, clientInfo: { name: 'e2e' } } },
  { method: 'notifications/initialized' },
  { id: 1, method: 'tools/list' },
];

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'composer-stdio-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a shell pipes into the command. */
function piped(args: readonly string[], env: Record<string, string> = {}): RunningChild {
  const input = HELLO.map((message) => JSON.stringify({ jsonrpc: '2.0', ...message })).join('\n');
  const script = 'printf "%s\\n" "$INPUT" | "$NODE" "$CLI" stdio "$@"';
  return new RunningChild(['bash', '-o', 'pipefail', '-c', script, 'bash', ...args], {
    cwd: folder,
    env: { INPUT: input, NODE: process.execPath, CLI, PORT: '0', COMPOSER_DATA_DIR: join(folder, 'data'), ...env },
    isGroup: true,
  });
}
const messagesOf = ({ stdout }: Ended) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { id?: unknown; result?: { protocolVersion?: string; tools?: unknown[] } });

describe('composer stdio', () => {
  it('answers what is piped into it, writes nothing else to stdout, and ends with its input', async () => {
    const ended = await piped([]).end(60_000);
    expect({ code: ended.code, ids: messagesOf(ended).map(({ id }) => id) }).toEqual({ code: 0, ids: [0, 1] });
    expect(messagesOf(ended)[0]).toMatchObject({ result: { protocolVersion: VERSION } });
    expect(ended.stderr).toContain('serving a client over stdio');
  }, 90_000);

  it('serves one client beside HTTP as well, is the only process on its data, and stops when it is told to', async () => {
    const [port = 0] = await freePorts(1);
    const env = { COMPOSER_DATA_DIR: join(folder, 'data'), PORT: String(port) };
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [CLI, 'stdio', '--http'],
      env,
      cwd: folder,
      stderr: 'ignore',
    });
    const client = new Client({ name: 'e2e', version: '1.0.0' });
    await client.connect(transport);
    expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
    const second = await piped([]).end(60_000);
    const pid = transport.pid!;
    process.kill(pid, 'SIGTERM');
    await new Promise<void>((resolve) => (client.onclose = resolve));
    expect(() => process.kill(pid, 0)).toThrow();
    expect({ code: second.code, stdout: second.stdout }).toEqual({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(/^composer: process \d+ has the embedded database/m);
  }, 90_000);

  it('wants a credential where callers need one, and does not start without', async () => {
    const ended = await piped([], { COMPOSER_AUTH: 'required' }).end(60_000);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 1, stdout: '' });
    expect(ended.stderr).toContain('COMPOSER_API_KEY');
    const wrong = await piped([], { COMPOSER_AUTH: 'required', COMPOSER_API_KEY: 'mcpc_wrong' }).end(60_000);
    expect(messagesOf(wrong)).toMatchObject([{ id: 0, error: { message: expect.any(String) } }, { id: 1 }]);
    expect(wrong.stdout + wrong.stderr).not.toContain('mcpc_wrong');
  }, 90_000);

  it('is started as docs/operations.md says by a desktop client', async () => {
    const document = readFileSync(join(CHECKOUT, 'docs/operations.md'), 'utf8');
    const [block] = blocksOf(document).filter(
      ({ section, language }) => section === 'Desktop clients' && language === 'json',
    );
    const text = block!.text
      .replaceAll('/path/to/mcp-composer/', CHECKOUT)
      .replaceAll('/path/to/data', join(folder, 'desktop'))
      .replace('"command": "node"', `"command": ${JSON.stringify(process.execPath)}`);
    const { composer } = JSON.parse(text).mcpServers;
    // Desktop clients start their servers wherever they are.
    const transport = new StdioClientTransport({ ...composer, cwd: dirname(folder), stderr: 'ignore' });
    const client = new Client({ name: 'desktop', version: '1.0.0' });
    await client.connect(transport);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('register_mcp_server');
    await client.close();
  }, 90_000);
});
