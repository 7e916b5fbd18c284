import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { principalId, serverId, tenantId } from '#kernel';
import { until } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { type McpOrigin, type Sent, eventStream, mcpOrigin } from '../../testing/mcp-origin.js';
import { type OpenPool, openPool } from '../../testing/open-pool.js';
import type { ListKind } from '../member-offer.js';
import { MODERN_VERSION } from './mcp-protocol.js';

const acme = tenantId('acme');
const ann = { principalId: principalId('ann'), client: clientOf('legacy') };
const ALL = { tools: { listChanged: true }, resources: { listChanged: true, subscribe: true } };
const UPDATED = 'notifications/resources/updated';

interface Listener {
  readonly send: (message: object) => void;
  readonly response: ServerResponse;
  /** Of `subscriptions/listen`. */
  readonly notifications?: { readonly resourceSubscriptions?: readonly string[]; readonly toolsListChanged?: boolean };
}

describe('MemberEar', () => {
  let opened: OpenPool;
  let crm: McpOrigin;
  let streams: Listener[];
  let told: ListKind[];

  beforeEach(async () => {
    streams = [];
    told = [];
    crm = await mcpOrigin('echo');
    crm.facts = { capabilities: ALL };
    crm.onListen = (response) => void streams.push({ send: eventStream(response), response });
    opened = await openPool({ speed: 20 });
    opened.pool.onChange((_, lists) => told.push(...lists));
  });
  afterEach(async () => {
    await opened.close();
    await crm.close();
  });

  const register = async () => {
    await opened.registry.register(
      acme,
      { id: 'crm', type: 'http', endpoint: `${crm.url}/mcp`, timeout: 2, health_check: { enabled: false } },
      { by: SYSTEM },
    );
    told.length = 0;
    return opened.pool.find({ tenantId: acme, serverId: serverId('crm') })!.member!;
  };
  /** A member of revision 2026-07-28 that has what is asked of it, and acknowledges every stream. */
  const beModern = () => {
    crm.intercept = (message: Sent, response) => {
      const { id, method, params } = message;
      if (method === 'subscriptions/listen') {
        const { notifications } = params as Listener;
        const send = eventStream(response);
        streams.push({ send, response, ...(notifications ? { notifications } : {}) });
        send({ method: 'notifications/subscriptions/acknowledged', params: { notifications } });
        return true;
      }
      const lists = { tools: [], prompts: [], resources: [], resourceTemplates: [] };
      const result = method === 'server/discover' ? { supportedVersions: [MODERN_VERSION], capabilities: ALL } : lists;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
      return true;
    };
  };
  const hasListened = (count: number) => until(() => streams.length >= count, `${count} streams`);
  const isFree = (one: Listener | undefined) => until(() => Boolean(one?.response.closed), 'the end of the stream');

  describe.each(['legacy', 'modern'])('at a %s member', (era) => {
    beforeEach(() => {
      if (era === 'modern') beModern();
    });

    it('is opened when somebody listens, once, and tells of lists that the member says have changed', async () => {
      const member = await register();
      expect(streams).toHaveLength(0);
      member.listen(true);
      member.listen(true);
      await hasListened(1);
      if (era === 'modern') expect(streams[0]!.notifications).toMatchObject({ toolsListChanged: true });
      streams[0]!.send({ method: 'notifications/tools/list_changed' });
      await until(() => told.includes('tools'), 'the news');
      expect(told).toEqual(['tools']);
      expect(streams).toHaveLength(1);
    });

    it('comes back when the stream ends, and looks what it has missed', async () => {
      const member = await register();
      member.listen(true);
      await hasListened(1);
      const asked = () => crm.methods().filter((method) => method === 'tools/list').length;
      const before = asked();
      streams[0]!.response.end();
      await hasListened(2);
      await until(() => asked() > before, 'the lists to be asked for');
      expect(told).toEqual([]);
    });

    it('closes when nobody has listened for a while', async () => {
      const member = await register();
      member.listen(true);
      await hasListened(1);
      member.listen(false);
      await isFree(streams[0]);
      member.listen(true);
      await hasListened(2);
    });

    it('tells whoever watches a resource, and asks the member once for all of them', async () => {
      const member = await register();
      const seen: string[] = [];
      if (era === 'legacy') takeSubscriptions();
      const stops = await Promise.all(['ann', 'bob'].map((who) => member.watch('note://1', ann, () => seen.push(who))));
      await hasListened(1);
      streams.at(-1)!.send({ method: UPDATED, params: { uri: 'note://2' } });
      streams.at(-1)!.send({ method: UPDATED, params: { uri: 'note://1' } });
      await until(() => seen.length === 2, 'the news');
      expect(seen).toEqual(['ann', 'bob']);
      stops[0]!();
      streams.at(-1)!.send({ method: UPDATED, params: { uri: 'note://1' } });
      await until(() => seen.length === 3, 'the news for one');
      expect(seen[2]).toBe('bob');
      if (era === 'legacy') expect(crm.methods().filter((method) => method === 'resources/subscribe')).toHaveLength(1);
      else expect(streams.map(({ notifications }) => notifications?.resourceSubscriptions)).toEqual([['note://1']]);
      expect(crm.methods()).not.toContain('resources/unsubscribe');
      stops[1]!();
      if (era === 'legacy') await until(() => crm.methods().includes('resources/unsubscribe'), 'the end');
      await isFree(streams.at(-1));
    });

    it('takes a change for possible where it could not listen', async () => {
      const member = await register();
      if (era === 'legacy') takeSubscriptions();
      let seen = 0;
      await member.watch('note://1', ann, () => seen++);
      await hasListened(1);
      streams[0]!.response.end();
      await until(() => seen === 1, 'the news that may be');
      if (era === 'legacy') {
        expect(crm.methods().filter((method) => method === 'resources/subscribe')).toHaveLength(2);
      }
    });

    it('ends with the member', async () => {
      const member = await register();
      member.listen(true);
      await hasListened(1);
      await opened.registry.remove({ tenantId: acme, serverId: serverId('crm') }, SYSTEM);
      await isFree(streams[0]);
    });
  });

  it('does not listen to a member that announces nothing', async () => {
    crm.facts = { capabilities: { tools: {} } };
    const member = await register();
    member.listen(true);
    await opened.pool.check(opened.pool.find({ tenantId: acme, serverId: serverId('crm') })!);
    expect(crm.methods()).not.toContain('GET');
    expect(member.tellsOfUpdates).toBe(false);
  });

  it('does not come back soon to a member that has no such stream', async () => {
    crm.onListen = (response) => void response.writeHead(405).end();
    const member = await register();
    member.listen(true);
    await until(() => crm.methods().includes('GET'), 'the question');
    for (let i = 0; i < 5; i++) member.listen(true);
    await opened.pool.check(opened.pool.find({ tenantId: acme, serverId: serverId('crm') })!);
    expect(crm.methods().filter((method) => method === 'GET')).toHaveLength(1);
  });

  it('tells of a member that refuses a subscription, and asks it again for the next one', async () => {
    const member = await register();
    await expect(member.watch('note://1', ann, () => undefined)).rejects.toThrow(/resources\/subscribe/);
    takeSubscriptions();
    await member.watch('note://1', ann, () => undefined);
  });

  function takeSubscriptions(): void {
    crm.intercept = ({ id, method }, response) => {
      if (!method?.endsWith('subscribe')) return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: {} }));
      return true;
    };
  }
});
