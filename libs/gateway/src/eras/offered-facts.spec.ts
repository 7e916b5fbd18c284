import type { CacheHint, MemberOffer, MemberSlot } from '#builder';
import { offerOf } from '#builder/testing';
import { serverId } from '#kernel';
import { describe, expect, it } from '@jest/globals';
import { CatalogView } from '../catalog/catalog-view.js';
import { EVERYTHING } from '../catalog/selection.js';
import { capabilitiesOf, hintOf, instructionsOf } from './offered-facts.js';

const NONE = { tools: [], prompts: [], resources: [], resourceTemplates: [] };
const viewOf = (...offers: readonly Partial<MemberOffer>[]) => {
  const servers = offers.map(
    (offer, at) => ({ ref: { serverId: serverId(`s${at}`) }, offer: offerOf(offer) }) as unknown as MemberSlot,
  );
  return new CatalogView(NONE, { pageSize: 10, servers });
};
const hinted = (ttlMs: number, cacheScope: CacheHint['cacheScope'] = 'public') => ({
  hints: { tools: { ttlMs, cacheScope } },
});

describe('capabilitiesOf', () => {
  it('declares tools always, and the rest where a member has it', () => {
    const always = { tools: { listChanged: true }, logging: {} };
    expect(capabilitiesOf(viewOf(), 'modern')).toEqual(always);
    expect(capabilitiesOf(viewOf({ capabilities: { tools: {}, sampling: {} } }), 'modern')).toEqual(always);
    expect(
      capabilitiesOf(
        viewOf({ capabilities: { prompts: {} } }, { capabilities: { resources: {}, completions: {} } }),
        'modern',
      ),
    ).toEqual({
      ...always,
      prompts: { listChanged: true },
      resources: { listChanged: true },
      completions: {},
    });
  });
});

describe('capabilitiesOf, of extensions', () => {
  const having = (...ids: readonly string[]) => ({
    capabilities: { extensions: Object.fromEntries(ids.map((id) => [`io.modelcontextprotocol/${id}`, { of: id }])) },
  });

  it('declares those that members have, and none that are between two neighbours', () => {
    const view = viewOf(having('tasks', 'oauth-client-credentials'), having('ui', 'enterprise-managed-authorization'));
    expect(capabilitiesOf(view, 'modern')).toMatchObject({
      extensions: { 'io.modelcontextprotocol/tasks': { of: 'tasks' }, 'io.modelcontextprotocol/ui': { of: 'ui' } },
    });
    expect(Object.keys(capabilitiesOf(view, 'modern')['extensions']!)).toHaveLength(2);
    expect(capabilitiesOf(viewOf(having('com.example/other')), 'modern')).not.toHaveProperty('extensions');
  });

  it('says nothing of tasks to clients of an era that has other ones', () => {
    const extensions = { 'io.modelcontextprotocol/ui': { of: 'ui' } };
    expect(capabilitiesOf(viewOf(having('tasks', 'ui')), 'legacy')['extensions']).toEqual(extensions);
    expect(capabilitiesOf(viewOf(having('tasks')), 'legacy')).not.toHaveProperty('extensions');
  });
});

describe('capabilitiesOf, of subscriptions', () => {
  it('declares them where a member tells of resources that change, and not where it only says so', () => {
    const resources = { capabilities: { resources: { subscribe: true } } };
    expect(capabilitiesOf(viewOf(resources), 'modern')).toMatchObject({ resources: { listChanged: true } });
    expect(capabilitiesOf(viewOf(resources), 'modern')).not.toMatchObject({ resources: { subscribe: true } });
    const view = viewOf(resources);
    Object.assign(view.servers[0]!, { member: { tellsOfUpdates: true } });
    expect(capabilitiesOf(view, 'modern')).toMatchObject({ resources: { listChanged: true, subscribe: true } });
  });
});

describe('instructionsOf', () => {
  const one = { kind: 'member', serverId: serverId('s0') } as const;

  it('says whose words they are, where there are several', () => {
    const text = instructionsOf(viewOf({ instructions: 'Be kind.' }, {}, { instructions: 'Be brief.' }), EVERYTHING);
    expect(text).toMatch(/^MCP Composer offers .*\n\nServer "s0": Be kind\.\n\nServer "s2": Be brief\.$/);
    expect(instructionsOf(viewOf({ instructions: 'Be kind.' }), one)).toMatch(/names\.\n\nBe kind\.$/);
    expect(instructionsOf(viewOf({}), one)).toMatch(/names\.$/);
  });

  it('are bounded, however many members have some', () => {
    const many = Array.from({ length: 100 }, () => ({ instructions: 'x'.repeat(16_384) }));
    expect(instructionsOf(viewOf(...many), EVERYTHING).length).toBeLessThan(33_000);
  });
});

describe('hintOf', () => {
  it('is the shortest of the members, and private if one of them is', () => {
    expect(hintOf(viewOf(hinted(5_000), hinted(900)), 'tools', true)).toEqual({ ttlMs: 900, cacheScope: 'public' });
    expect(hintOf(viewOf(hinted(5_000), hinted(900, 'private')), 'tools', true)).toEqual({
      ttlMs: 900,
      cacheScope: 'private',
    });
  });

  it('lets nobody have what another caller saw', () => {
    expect(hintOf(viewOf(hinted(5_000)), 'tools', false)).toEqual({ ttlMs: 5_000, cacheScope: 'private' });
  });

  it('of a member that says nothing, or where there is none, is not to keep the list', () => {
    const ours = { ttlMs: 0, cacheScope: 'private' };
    expect(hintOf(viewOf(), 'tools', true)).toEqual(ours);
    expect(hintOf(viewOf(hinted(5_000), { tools: ['{"name":"a"}'] }), 'tools', true)).toEqual(ours);
    expect(hintOf(viewOf(hinted(5_000), { prompts: ['{"name":"a"}'] }), 'tools', true).ttlMs).toBe(5_000);
    expect(hintOf(viewOf(hinted(5_000)), 'prompts', true)).toEqual(ours);
  });
});
