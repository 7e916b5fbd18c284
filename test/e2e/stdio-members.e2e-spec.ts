import { mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '#persistence/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { callTool, connect, toolNames } from '../fixtures/mcp-clients.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const NODE = realpathSync(process.execPath);
const ENTRY = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');
/**
 * How long the SDK in the member waits for an answer to its own question after roots: what is killed before it answers
 * leaves a member that has read the end of its stdin, and ends when it waits no more. And some time to spare.
 */
const ASKING_MS = 60_000 + 30_000;
const EVERYTHING = { id: 'all', type: 'stdio', command: NODE, args: [ENTRY, 'stdio'] };

let composer: ComposerProcess;
afterEach(() => composer.stop());

/** The processes of the member that this composer has started, before it was stopped. */
function membersOf(pid: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(
      (id) => new RegExp(`^PPid:\\s+${pid}$`, 'm').test(read(id, 'status')) && read(id, 'cmdline').includes(ENTRY),
    );
}

function read(pid: number, what: string): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return '';
  }
}

const isAlive = (pid: number): boolean => /^State:\s+[^Z]/m.test(read(pid, 'status'));

describe('a member that is a process', () => {
  it('is offered and called through the endpoint, ends with the composer, and is there again with the next one', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'composer-stdio-'));
    const start = () => startComposer({ dataDir, env: { STDIO_ALLOWLIST: NODE } });
    composer = await start();
    const env = { TOKEN: 'tiger-in-the-tank' };
    const { status, body } = await composer.api('POST', '/api/v1/servers', { ...EVERYTHING, env });
    expect({ status, env: body.env }).toEqual({ status: 201, env: { TOKEN: { set: true } } });
    await until(async () => (await toolNames(composer.url)).includes('all_echo'), 'its tools');
    const [pid, ...more] = membersOf(composer.pid);
    expect(more).toEqual([]);

    const client = await connect(composer.mcpUrl, 'legacy');
    const told: number[] = [];
    const result = await client.callTool(
      { name: 'all_trigger-long-running-operation', arguments: { duration: 0.2, steps: 2 } },
      { onprogress: ({ progress }) => void told.push(progress) },
    );
    expect(JSON.stringify(result)).toContain('completed');
    expect(told).toEqual([1, 2]);
    await client.close();

    const { code } = await composer.kill('SIGTERM');
    expect({ code, isAlive: isAlive(pid!) }).toEqual({ code: 0, isAlive: false });
    expect(composer.stderr()).not.toContain('tiger-in-the-tank');
    expect(composer.stderr()).toMatch(/"server":"all".*"line":"Starting default \(STDIO\) server/);

    composer = await start();
    expect((await callTool(composer.url, 'all_echo', { message: 'again' })).content[0].text).toBe('Echo: again');
    const [next] = membersOf(composer.pid);
    await composer.kill('SIGKILL');
    await until(() => !isAlive(next!), 'its end, because its stdin has ended', ASKING_MS);
    rmSync(dataDir, { recursive: true });
  }, 180_000);
});
