import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { until } from '#persistence/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { toolNames } from '../fixtures/mcp-clients.js';
import { startEverythingServer } from '../fixtures/mcp-members.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const NODE = realpathSync(process.execPath);
const ENTRY = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');
const TRANSPORTS = ['http', 'sse', 'stdio'] as const;
const ALL = { sampling: {}, elicitation: {}, roots: {} };

/** Asked of a client so far. */
interface Asked {
  readonly method: string;
  readonly message?: string;
}

describe('what a server asks of the client that calls it', () => {
  let composer: ComposerProcess;
  let servers: { url: string; close(): Promise<void> }[];

  beforeAll(async () => {
    servers = await Promise.all([startEverythingServer(), startEverythingServer('sse')]);
    composer = await startComposer({ env: { STDIO_ALLOWLIST: NODE } });
    const [http, sse] = servers;
    for (const member of [
      { id: 'http', type: 'http', endpoint: http!.url },
      { id: 'sse', type: 'sse', endpoint: sse!.url },
      { id: 'stdio', type: 'stdio', command: NODE, args: [ENTRY, 'stdio'] },
    ]) {
      expect((await composer.api('POST', '/api/v1/servers', member)).status).toBe(201);
    }
    await until(async () => {
      const names = await toolNames(composer.url);
      return TRANSPORTS.every((id) => names.includes(`${id}_trigger-sampling-request`));
    }, 'tools that are listed to clients that can be asked alone');
  }, 60_000);
  afterAll(async () => {
    await composer.stop();
    await Promise.all(servers.map(async (server) => server.close()));
  });

  async function connect(capabilities: Partial<typeof ALL>, name = 'ann'): Promise<[Client, readonly Asked[]]> {
    const asked: Asked[] = [];
    const client = new Client({ name, version: '1.0.0' }, { capabilities });
    if (capabilities.sampling) {
      client.setRequestHandler('sampling/createMessage', ({ method }) => {
        asked.push({ method });
        return { role: 'assistant', model: 'none', content: { type: 'text', text: `${name} has thought` } };
      });
    }
    if (capabilities.elicitation) {
      client.setRequestHandler('elicitation/create', ({ method, params }) => {
        asked.push({ method, message: params.message });
        return { action: 'accept', content: { name: `the name of ${name}` } };
      });
    }
    if (capabilities.roots) {
      client.setRequestHandler('roots/list', ({ method }) => {
        asked.push({ method });
        return { roots: [{ uri: `file:///home/${name}`, name }] };
      });
    }
    await client.connect(new StreamableHTTPClientTransport(new URL(composer.mcpUrl)));
    return [client, asked];
  }
  const call = async (client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> =>
    JSON.stringify((await client.callTool({ name, arguments: args })).content);

  it.each(TRANSPORTS)('comes to it, and the answer to the server: over %s', async (id) => {
    const [client, asked] = await connect(ALL);
    expect(await call(client, `${id}_trigger-sampling-request`, { prompt: 'Well?' })).toContain('ann has thought');
    expect(await call(client, `${id}_trigger-elicitation-request`)).toContain('the name of ann');
    expect(await call(client, `${id}_get-roots-list`)).toContain('file:///home/ann');
    const methods = asked.map(({ method }) => method);
    expect(methods).toEqual(expect.arrayContaining(['sampling/createMessage', 'elicitation/create', 'roots/list']));
    const form = asked.find(({ method }) => method === 'elicitation/create');
    expect(form!.message).toMatch(new RegExp(`^Server "${id}" asks: `));
    await client.close();
  });

  it.each(TRANSPORTS)('comes to nobody else who calls at the same time: over %s', async (id) => {
    const [[ann, ofAnn], [bob, ofBob], [eve, ofEve]] = await Promise.all([
      connect({ sampling: {} }, 'ann'),
      connect({ elicitation: {} }, 'bob'),
      connect({}, 'eve'),
    ]);
    const rounds = Array.from({ length: 4 }, async () =>
      Promise.all([
        call(ann, `${id}_trigger-sampling-request`, { prompt: 'Well?' }),
        call(bob, `${id}_trigger-elicitation-request`),
        call(eve, `${id}_echo`, { message: 'hello' }),
        // Its client could not answer, so that the server does not even have the tool for it.
        call(eve, `${id}_trigger-sampling-request`, { prompt: 'Well?' }),
      ]),
    );
    for (const [thought, name, echo, none] of await Promise.all(rounds)) {
      expect(thought).toContain('ann has thought');
      expect(name).toContain('the name of bob');
      expect(echo).toContain('Echo: hello');
      expect(none).toContain('not found');
    }
    expect(new Set(ofAnn.map(({ method }) => method))).toEqual(new Set(['sampling/createMessage']));
    expect(new Set(ofBob.map(({ method }) => method))).toEqual(new Set(['elicitation/create']));
    expect([ofAnn.length, ofBob.length, ofEve.length]).toEqual([4, 4, 0]);
    await Promise.all([ann, bob, eve].map(async (client) => client.close()));
  });
});
