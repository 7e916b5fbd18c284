import type { MemberPool, MemberSlot } from '#builder';
import { offerOf } from '#builder/testing';
import { serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CatalogView } from '../catalog/catalog-view.js';
import { EVERYTHING } from '../catalog/selection.js';
import type { Selections } from '../catalog/selections.js';
import type { ToolCatalog } from '../catalog/tool-catalog.js';
import type { ChangeStreams, Notification } from '../mcp-endpoint/change-streams.js';
import { ResourceSubscriptions } from './resource-subscriptions.js';

const acme = tenantId('acme');
const globex = tenantId('globex');
const NOTE = 'note://1';
const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** A member that keeps who watches what. */
class WatchedMember {
  tellsOfUpdates = true;
  readonly watching = new Map<string, Set<() => void>>();

  async watch(uri: string, _: unknown, onUpdate: () => void): Promise<() => void> {
    const own = this.watching.get(uri) ?? new Set();
    this.watching.set(uri, own.add(onUpdate));
    return () => void own.delete(onUpdate);
  }

  get count(): number {
    return [...this.watching.values()].reduce((sum, own) => sum + own.size, 0);
  }

  update(uri = NOTE): void {
    for (const onUpdate of this.watching.get(uri) ?? []) onUpdate();
  }
}

describe('ResourceSubscriptions', () => {
  let subscriptions: ResourceSubscriptions;
  let member: WatchedMember;
  let slot: { ref: object; offer: object; member: WatchedMember };
  let seen: Set<string>;
  let streams: Map<string, Principal>;
  let told: string[];
  let change: (tenant: string) => void;

  beforeEach(() => {
    member = new WatchedMember();
    slot = {
      ref: { tenantId: acme, serverId: serverId('crm') },
      offer: offerOf({ capabilities: { resources: {} } }),
      member,
    };
    seen = new Set(['ann', 'bob']);
    streams = new Map();
    told = [];
    const lists = { tools: [], prompts: [], resources: [], resourceTemplates: [] };
    const viewFor = ({ id, tenantId: tenant }: Principal) =>
      new CatalogView(lists, {
        pageSize: 10,
        servers: tenant === acme && seen.has(id) ? [slot as unknown as MemberSlot] : [],
      });
    const found = (key: string) => (streams.has(key) ? { principal: streams.get(key)! } : undefined);
    subscriptions = new ResourceSubscriptions(
      { viewFor } as unknown as ToolCatalog,
      { find: () => EVERYTHING } as unknown as Selections,
      {
        find: found,
        notify: (key: string, { method, params }: Notification) =>
          told.push(`${key} ${method} ${(params as { uri: string }).uri}`),
      } as unknown as ChangeStreams,
      { onChange: (listener: typeof change) => ((change = listener), () => undefined) } as unknown as MemberPool,
      Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined),
    );
    subscriptions.onModuleInit();
  });
  afterEach(() => subscriptions.onApplicationShutdown());

  const subscribe = (id: string, uri = NOTE, tenant = acme) => {
    const principal = principalOf(id, { tenantId: tenant });
    streams.set(id, principal);
    return subscriptions.subscribe({ key: id, principal, client: { capabilities: [] }, slug: '' }, EVERYTHING, uri);
  };

  it('tells exactly those who have subscribed, once, under the URI that they know', async () => {
    streams.set('eve', principalOf('eve', { tenantId: acme }));
    expect(await subscribe('ann')).toEqual({ kind: 'subscribed' });
    await subscribe('ann');
    expect(member.count).toBe(1);
    await subscribe('bob', 'mcp+crm:note://2');
    expect([...member.watching.keys()]).toEqual([NOTE, 'note://2']);
    member.update();
    member.update('note://2');
    await settle();
    expect(told).toEqual([
      `ann notifications/resources/updated ${NOTE}`,
      'bob notifications/resources/updated mcp+crm:note://2',
    ]);
  });

  it('knows nothing of what a principal may not see, of its own tenant or of another one', async () => {
    seen.delete('bob');
    expect(await subscribe('bob')).toEqual({ kind: 'not-found' });
    expect(await subscribe('ann', NOTE, globex)).toEqual({ kind: 'not-found' });
    member.tellsOfUpdates = false;
    expect(await subscribe('ann')).toEqual({ kind: 'unknown' });
    expect(member.count).toBe(0);
  });

  it('tells nothing any more once the resource is not there for the principal', async () => {
    await subscribe('ann');
    seen.delete('ann');
    member.update();
    await settle();
    expect([told, member.count]).toEqual([[], 0]);
  });

  it('leaves nothing at the member where a wish is taken back and made again before it has answered', async () => {
    await subscribe('ann', 'note://2');
    const again = [subscribe('ann')];
    for (let i = 0; i < 3; i++) {
      subscriptions.unsubscribe('ann', NOTE);
      again.push(subscribe('ann'));
    }
    await Promise.all(again);
    expect(member.count).toBe(2);
    subscriptions.unsubscribe('ann', NOTE);
    expect(member.count).toBe(1);
  });

  it('ends with a wish, with the session, and with the process', async () => {
    await Promise.all([subscribe('ann'), subscribe('ann', 'note://2'), subscribe('bob')]);
    subscriptions.unsubscribe('ann', NOTE);
    expect(member.count).toBe(2);
    subscriptions.end('ann');
    expect(member.count).toBe(1);
    subscriptions.onApplicationShutdown();
    expect(member.count).toBe(0);
  });

  it('keeps nothing of a subscription that was ended while the member was asked', async () => {
    const asked = subscribe('ann');
    subscriptions.end('ann');
    await asked;
    expect(member.count).toBe(0);
  });

  it('follows a member to the one that takes its place, and tells of what may have happened in between', async () => {
    await subscribe('ann');
    const next = new WatchedMember();
    slot.member = next;
    change(acme);
    await settle();
    expect([member.count, next.count, told.length]).toEqual([0, 1, 1]);
    change(acme);
    await settle();
    expect([next.count, told.length]).toEqual([1, 1]);
  });

  it('is bounded, for each subscriber and for a tenant', async () => {
    const all = (id: string) => Promise.all(Array.from({ length: 101 }, (_, at) => subscribe(id, `note://${at}`)));
    const kinds = (await all('ann')).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'failed')).toHaveLength(1);
    for (let at = 0; at < 19; at++) {
      seen.add(`p${at}`);
      await all(`p${at}`);
    }
    expect(member.count).toBe(2_000);
    expect(await subscribe('bob')).toMatchObject({ kind: 'failed', code: 'COMPOSER_SUBSCRIPTIONS_FULL' });
    subscriptions.end('ann');
    expect(await subscribe('bob')).toEqual({ kind: 'subscribed' });
  });
});
