import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { callTool, modern, toolNames } from '../fixtures/mcp-clients.js';
import { startLegacyMember } from '../fixtures/mcp-members.js';
import { sent } from '../fixtures/openapi-member.js';
import { type RestService, startRestService } from '../fixtures/rest-service.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const TOKEN = 'survives-everything';
/** An acknowledged registration is kept however soon afterwards the process is killed. */
const WITHIN_MS = 50;

describe('what was acknowledged', () => {
  let service: RestService;
  let first: ComposerProcess;
  let running: ComposerProcess;

  beforeEach(async () => {
    service = await startRestService({ check: ({ headers }) => headers.authorization === `Bearer ${TOKEN}` });
    first = running = await startComposer();
  }, 60_000);

  afterEach(async () => {
    await running.stop();
    await first.stop();
    await service.stop();
  });

  const again = async () => {
    await running.kill('SIGKILL');
    running = await startComposer({ dataDir: first.dataDir });
  };
  const credential = { auth_strategy: 'bearer', auth: { token: TOKEN } };

  it('is there after a kill -9 within 50 ms, and serves with its credential: three rounds', async () => {
    for (let round = 1; round <= 3; round++) {
      const { status } = await running.api('POST', '/api/v1/servers', service.member(`shop${round}`, credential));
      expect(status).toBe(201);
      await pause(Math.random() * WITHIN_MS);
      await again();
      for (let member = 1; member <= round; member++) {
        const result = await callTool(running.url, `shop${member}_get_order`, { orderId: '7' });
        expect(result).toMatchObject({ structuredContent: { id: '7' } });
      }
    }
  }, 120_000);

  it('is there in full: an update, a deactivation and a deletion', async () => {
    for (const id of ['updated', 'asleep', 'deleted']) {
      await running.api('POST', '/api/v1/servers', service.member(id, credential));
    }
    await running.api('PATCH', '/api/v1/servers/updated', { label: 'second' });
    await running.api('POST', '/api/v1/servers/asleep/deactivate');
    expect((await running.api('DELETE', '/api/v1/servers/deleted')).status).toBe(204);
    await again();
    const { items } = (await running.api('GET', '/api/v1/servers')).body;
    expect(items).toMatchObject([
      { id: 'asleep', status: 'deactivated' },
      { id: 'updated', label: 'second', status: 'active', _meta: { version: 2 } },
    ]);
    expect((await toolNames(running.url)).filter((name) => name.endsWith('get_order'))).toEqual(['updated_get_order']);
  }, 60_000);

  it('serves on although the source of its specification is gone', async () => {
    const source = await startRestService();
    const member = {
      ...service.member('shop', credential),
      open_api: { endpoint: service.url, spec_url: source.specUrl },
    };
    expect((await running.api('POST', '/api/v1/servers', member)).status).toBe(201);
    await source.stop();
    await again();
    service.forget();
    expect(await callTool(running.url, 'shop_get_order', { orderId: '7' })).toMatchObject({
      structuredContent: { id: '7' },
    });
    expect(sent(service.calls().at(-1)!, 'authorization')).toEqual([`Bearer ${TOKEN}`]);
  }, 60_000);

  it('lists the last known tools of a member that is down, and calls them again when it is back', async () => {
    const member = await startLegacyMember({ more: ['extra'] });
    await running.api('POST', '/api/v1/servers', { id: 'mcp', type: 'http', endpoint: member.url });
    const known = (await toolNames(running.url)).filter((name) => name.startsWith('mcp_'));
    expect(known).toEqual(['mcp_count', 'mcp_echo', 'mcp_extra', 'mcp_wait']);
    await member.close();
    await again();
    expect((await toolNames(running.url)).filter((name) => name.startsWith('mcp_'))).toEqual(known);
    const down = await callTool(running.url, 'mcp_echo', { message: 'hello' });
    expect(down).toMatchObject({ isError: true, content: [{ text: expect.stringMatching(/"mcp".*try again later/) }] });

    const back = await startLegacyMember({ port: member.port });
    try {
      const result = await callTool(running.url, 'mcp_echo', { message: 'hello' });
      expect(result.content[0].text).toBe('legacy: hello');
      const { json } = await modern(running.url, 'tools/list');
      expect(json.result._meta['io.mcp-composer/members']).toEqual({ mcp: 'ok' });
    } finally {
      await back.close();
    }
  }, 60_000);
});
