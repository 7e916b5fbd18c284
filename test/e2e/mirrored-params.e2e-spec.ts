import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Fixture, startFixture } from '../../scripts/conformance/fixture/endpoint.mjs';
import { connect, sendModern } from '../fixtures/mcp-clients.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const HEADER = 'mcp-param-region';

let composer: ComposerProcess;
const fixtures: Fixture[] = [];

beforeAll(async () => {
  const [young, old, started] = await Promise.all([
    startFixture({ era: 'modern' }),
    startFixture({ era: 'legacy' }),
    startComposer(),
  ]);
  composer = started;
  fixtures.push(young, old);
  for (const [id, { url }] of Object.entries({ young, old })) {
    const { status } = await composer.api('POST', '/api/v1/servers', { id, type: 'http', endpoint: url });
    expect(status).toBe(201);
  }
}, 60_000);
afterAll(() => Promise.all([composer.stop(), ...fixtures.map((fixture) => fixture.stop())]));

describe('an argument that is repeated in a header', () => {
  it.each(['legacy', 'modern'] as const)('reaches a modern member in it, from a client of the %s era', async (era) => {
    const client = await connect(composer.mcpUrl, era);
    try {
      await client.listTools();
      for (const region of ['Köln', 'us-west', ' ', undefined]) {
        const result = await client.callTool({
          name: 'young_test_x_mcp_header',
          arguments: region === undefined ? {} : { region },
        });
        expect(result.content).toEqual([{ type: 'text', text: `region: ${region ?? 'none'}` }]);
      }
    } finally {
      await client.close();
    }
  });

  it.each(['young', 'old'])('must be in it, and the same, for the tools of %s', async (member) => {
    const params = { name: `${member}_test_x_mcp_header`, arguments: { region: 'Köln' } };
    const call = (headers: Record<string, string>) =>
      sendModern(composer.url, { id: 1, method: 'tools/call', params }, headers);
    expect((await call({ [HEADER]: '=?base64?S8O2bG4=?=' })).json.result.content[0].text).toBe('region: Köln');
    for (const headers of [{}, { [HEADER]: 'Bonn' }, { [HEADER]: '=?base64?S8O2bG4?=' }]) {
      const { status, json } = await call(headers);
      expect({ status, code: json.error.code }).toEqual({ status: 400, code: -32020 });
    }
  });
});
