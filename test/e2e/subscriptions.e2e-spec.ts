import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '@modelcontextprotocol/client';
import { type Fixture, startFixture } from '../../scripts/conformance/fixture/endpoint.mjs';
import { eventually } from '../fixtures/eventually.js';
import { connect, openSession, send } from '../fixtures/mcp-clients.js';
import { type ComposerProcess, startComposer } from '../support/composer-process.js';

const ERAS = ['legacy', 'modern'] as const;
type Era = (typeof ERAS)[number];

describe('what members tell of their own accord', () => {
  let composer: ComposerProcess;
  let members: readonly Fixture[];
  const clients: Client[] = [];

  beforeAll(async () => {
    [composer, ...members] = await Promise.all([
      startComposer(),
      startFixture({ era: 'legacy', scheme: 'old' }),
      startFixture({ era: 'modern', scheme: 'young' }),
    ]);
    for (const [at, id] of ['old', 'young'].entries()) {
      const { status } = await composer.api('POST', '/api/v1/servers', {
        id,
        type: 'http',
        endpoint: members[at]!.url,
      });
      expect(status).toBe(201);
    }
  }, 90_000);

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
    await Promise.all([composer.stop(), ...members.map((member) => member.stop())]);
  });

  async function opened(era: Era) {
    const client = await connect(composer.mcpUrl, era);
    clients.push(client);
    const updated: string[] = [];
    const lists: string[] = [];
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => void updated.push(params.uri));
    client.setNotificationHandler('notifications/prompts/list_changed', () => void lists.push('prompts'));
    return { client, updated, lists };
  }
  const trigger = (client: Client, member: string, what: string) =>
    client.callTool({ name: `${member}_test_trigger_${what}_change`, arguments: {} });
  const watched = (member: string) => `${member}://watched-resource`;

  describe.each(ERAS)('a %s client', (era) => {
    it.each(['old', 'young'])('hears of lists that the member %s says have changed', async (member) => {
      const { client, lists } = await opened(era);
      if (era === 'modern') await client.listen({ promptsListChanged: true });
      // The composer begins to listen when somebody listens to it, and does not say when that stands.
      await eventually(async () => {
        await trigger(client, member, 'prompt');
        expect(lists).toContain('prompts');
      });
    });

    it.each(['old', 'young'])('hears of a resource of the member %s that it has subscribed to', async (member) => {
      const [one, other] = [await opened(era), await opened(era)];
      expect(one.client.getServerCapabilities()?.resources).toMatchObject({ subscribe: true });
      const uri = watched(member);
      if (era === 'modern') await one.client.listen({ resourceSubscriptions: [uri] });
      else expect(await one.client.subscribeResource({ uri })).toEqual({});
      await eventually(async () => {
        await trigger(one.client, member, 'resource');
        expect(one.updated).toContain(uri);
      });
      expect(new Set(one.updated)).toEqual(new Set([uri]));
      expect(other.updated).toEqual([]);
      if (era === 'modern') return;
      await one.client.unsubscribeResource({ uri });
      const before = one.updated.length;
      await other.client.subscribeResource({ uri });
      await eventually(async () => {
        await trigger(other.client, member, 'resource');
        expect(other.updated).toContain(uri);
      });
      expect(one.updated).toHaveLength(before);
    });
  });

  it('acknowledges of the resources of a modern client those that are there', async () => {
    const { client } = await opened('modern');
    const subscription = await client.listen({ resourceSubscriptions: [watched('young'), 'nowhere://x'] });
    expect(JSON.stringify(subscription.honoredFilter)).toContain(watched('young'));
    expect(JSON.stringify(subscription.honoredFilter)).not.toContain('nowhere');
  });

  it('answers a subscription to what is not there as it answers who reads it', async () => {
    const headers = await openSession(composer.url);
    const ask = async (method: string, params: object) =>
      (await send(composer.url, { headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })).json;
    const uri = 'nowhere://x';
    expect((await ask('resources/subscribe', { uri })).error).toMatchObject({ code: -32002, data: { uri } });
    expect((await ask('resources/subscribe', {})).error).toMatchObject({ code: -32602 });
    expect((await ask('resources/unsubscribe', { uri })).result).toEqual({});
  });

  it.each(['old', 'young'])('gives a legacy client what the member %s logs, as urgent as it wants', async (member) => {
    const headers = await openSession(composer.url);
    const ask = async (method: string, params: object) =>
      (await send(composer.url, { headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })).text;
    const called = { name: `${member}_test_tool_with_logging`, arguments: {} };
    expect((await ask('tools/call', called)).split('notifications/message')).toHaveLength(4);
    await ask('logging/setLevel', { level: 'error' });
    expect(await ask('tools/call', called)).not.toContain('notifications/message');
  });
});
