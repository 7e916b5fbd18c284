import { type MemberPool, MemberSlot } from '#builder';
import { offerOf } from '#builder/testing';
import { type MemberRef, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { type ServerConfig, type VirtualServer, type VirtualServerDirectory, serverConfigSchema } from '#registry';
import type { Permissions } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ManagementTools } from '../management/management-tools.js';
import type { ListName } from './catalog-view.js';
import { completionRouteOf, routeOf } from './resource-route.js';
import type { Selection } from './selection.js';
import { ToolCatalog } from './tool-catalog.js';

const acme = tenantId('acme');
const as = (roles: string[], permissions: Partial<Permissions> = {}) =>
  principalOf('ann', {
    tenantId: acme,
    roles,
    permissions: { tools: [], servers: [], virtualServers: [], ...permissions },
  });
const caller = as(['caller']);
const LISTS: readonly ListName[] = ['tools', 'prompts', 'resources', 'resourceTemplates'];

interface Offered {
  readonly tools?: readonly string[];
  readonly prompts?: readonly string[];
  readonly resources?: readonly string[];
  readonly templates?: readonly string[];
}

describe('what members offer besides tools', () => {
  let slots: Map<string, MemberSlot>;
  let lines: string[];
  let log: Log;
  let catalog: ToolCatalog;
  let changed: () => void;

  beforeEach(() => {
    slots = new Map();
    lines = [];
    log = Log.open({ level: 'debug', format: 'json' }, new SecretValues(), (line) => lines.push(line));
    const pool = {
      members: () => [...slots.values()],
      find: ({ serverId: id }: MemberRef) => slots.get(id),
      onChange: (listener: (tenant: string) => void) => {
        changed = () => listener(acme);
        return () => undefined;
      },
    } as unknown as MemberPool;
    const directory = { onChange: () => () => undefined } as unknown as VirtualServerDirectory;
    const management = { entries: () => [] } as unknown as ManagementTools;
    catalog = new ToolCatalog(pool, directory, management, { pageSize: 2, offersManagementTools: true }, log);
    catalog.onModuleInit();
  });

  function member(id: string, offered: Offered, more: Partial<ServerConfig> = {}): MemberSlot {
    const config = serverConfigSchema.parse({ id, type: 'http', endpoint: 'http://127.0.0.1/mcp', ...more });
    const slot = new MemberSlot({ tenantId: acme, serverId: serverId(id) }, config, log);
    slot.offer = offerOf({
      tools: (offered.tools ?? []).map((name) => JSON.stringify({ name })),
      prompts: (offered.prompts ?? []).map((name) => JSON.stringify({ name, 'x-own': 1 })),
      resources: (offered.resources ?? []).map((uri) => JSON.stringify({ uri, name: `n-${uri}` })),
      resourceTemplates: (offered.templates ?? []).map((uriTemplate) => JSON.stringify({ uriTemplate, name: 't' })),
      capabilities: offered.resources || offered.templates ? { resources: {} } : {},
    });
    slots.set(id, slot);
    changed();
    return slot;
  }

  const namesOf = (list: ListName, by = caller, selection?: Selection) =>
    catalog.viewFor(by, selection)[list].entries.map(({ name }) => name);
  const definitionsOf = (list: ListName) =>
    catalog.viewFor(caller)[list].entries.map(({ definition }) => JSON.parse(definition.toString()) as object);
  const virtual = (more: Partial<VirtualServer>): Selection => ({
    kind: 'virtual',
    server: { slug: 'desk', label: '', servers: ['*'], naming: 'prefix', ...more },
  });
  const readAt = (uri: string, by = caller, selection?: Selection) => {
    const route = routeOf(catalog.viewFor(by, selection), uri);
    return route && `${route.slot.ref.serverId} ${route.uri}`;
  };

  describe('names', () => {
    beforeEach(() => {
      member('crm', { prompts: ['greet'], resources: ['a://1'], templates: ['a://{id}'] });
      member('erp', { prompts: ['greet', 'sum'], resources: ['b://1'] });
    });

    it('gives prompts full names, and resources their own URIs', () => {
      expect(namesOf('prompts')).toEqual(['crm_greet', 'erp_greet', 'erp_sum']);
      expect(namesOf('resources')).toEqual(['a://1', 'b://1']);
      expect(definitionsOf('prompts')[0]).toEqual({ name: 'crm_greet', 'x-own': 1 });
      expect(definitionsOf('resources')[0]).toEqual({ uri: 'a://1', name: 'n-a://1' });
    });

    it('gives the prompts of one member its own names, and so where a virtual server wants that', () => {
      const own: Selection = { kind: 'member', serverId: serverId('erp') };
      expect(namesOf('prompts', caller, own)).toEqual(['greet', 'sum']);
      expect(namesOf('resources', caller, own)).toEqual(['b://1']);
      expect(namesOf('prompts', caller, virtual({ naming: 'none', servers: ['erp'] }))).toEqual(['greet', 'sum']);
      const names = { 'erp_*': 'do_*' };
      expect(namesOf('prompts', caller, virtual({ naming: 'custom', names }))).toEqual([
        'crm_greet',
        'do_greet',
        'do_sum',
      ]);
    });

    it('gives every list in pages of its own', () => {
      const { prompts } = catalog.viewFor(caller);
      const first = prompts.page(undefined)!;
      expect(JSON.parse(`[${prompts.page(first.nextCursor)!.definitions.toString()}]`)).toEqual([
        { name: 'erp_sum', 'x-own': 1 },
      ]);
      expect(prompts.page('elsewhere')).toBeUndefined();
    });
  });

  describe('a URI that two members have', () => {
    beforeEach(() => {
      member('crm', { resources: ['a://1', 'a://2'], templates: ['a://{id}'] });
      member('erp', { resources: ['a://1'], templates: ['a://{id}'] });
    });

    it('is offered under the alias of each, and the log says so once', () => {
      expect(namesOf('resources')).toEqual(['a://2', 'mcp+crm:a://1', 'mcp+erp:a://1']);
      expect(namesOf('resourceTemplates')).toEqual(['mcp+crm:a://{id}', 'mcp+erp:a://{id}']);
      expect(definitionsOf('resources')[1]).toEqual({ uri: 'mcp+crm:a://1', name: 'n-a://1' });
      changed();
      namesOf('resources');
      expect(lines.filter((line) => line.includes('same URIs'))).toHaveLength(1);
    });

    it('is read by its alias at the member that has it, as is what its template makes', () => {
      expect(readAt('mcp+erp:a://1')).toBe('erp a://1');
      expect(readAt('mcp+erp:a://77')).toBe('erp a://77');
      expect(readAt('mcp+gone:a://1')).toBeUndefined();
      const route = completionRouteOf(catalog.viewFor(caller), 'mcp+crm:a://{id}');
      expect(route).toEqual({ slot: slots.get('crm'), uri: 'a://{id}' });
    });

    it('stays as it is where only one of them is', () => {
      expect(namesOf('resources', caller, virtual({ servers: ['erp'] }))).toEqual(['a://1']);
      expect(readAt('a://1', caller, virtual({ servers: ['erp'] }))).toBe('erp a://1');
    });
  });

  describe('reading', () => {
    beforeEach(() => {
      member('crm', { resources: ['a://1'], templates: ['a://{id}', 'a://notes/{+path}'] });
      member('erp', { templates: ['a://notes/{id}/lines'], resources: ['a://notes/special'] });
      member('tools', { tools: ['find'] });
    });

    it('goes to the member that lists the URI, else to the one whose template says most', () => {
      expect(readAt('a://1')).toBe('crm a://1');
      expect(readAt('a://9')).toBe('crm a://9');
      expect(readAt('a://notes/special')).toBe('erp a://notes/special');
      expect(readAt('a://notes/7/lines')).toBe('erp a://notes/7/lines');
      expect(readAt('a://notes/7/8')).toBe('crm a://notes/7/8');
      expect(readAt('z://1')).toBeUndefined();
    });

    it('of what nobody lists goes to the only member that has resources', () => {
      expect(readAt('z://1', caller, virtual({ servers: ['erp', 'tools'] }))).toBe('erp z://1');
      expect(readAt('z://1', caller, virtual({ servers: ['tools'] }))).toBeUndefined();
    });

    it('completes what is listed, and nothing else', () => {
      const view = catalog.viewFor(caller);
      expect(completionRouteOf(view, 'a://{id}')?.slot).toBe(slots.get('crm'));
      expect(completionRouteOf(view, 'a://{other}')).toBeUndefined();
    });
  });

  describe('permissions', () => {
    beforeEach(() => {
      member('crm', { tools: ['find'], prompts: ['find', 'greet'], resources: ['a://1'], templates: ['a://{x}'] });
      member('erp', { tools: ['find'], prompts: ['greet'], resources: ['b://1'] });
    });
    const seen = (permissions: Partial<Permissions>) =>
      Object.fromEntries(LISTS.map((list) => [list, namesOf(list, as(['guest'], permissions))]));

    it('of names mean prompts too, and whoever may use something of a member may read its resources', () => {
      expect(seen({ tools: ['crm_find'] })).toEqual({
        tools: ['crm_find'],
        prompts: ['crm_find'],
        resources: ['a://1'],
        resourceTemplates: ['a://{x}'],
      });
    });

    it('of a server open all that it has, and nothing of another one', () => {
      expect(seen({ servers: ['erp'] })).toEqual({
        tools: ['erp_find'],
        prompts: ['erp_greet'],
        resources: ['b://1'],
        resourceTemplates: [],
      });
      expect(readAt('a://1', as(['guest'], { servers: ['erp'] }))).toBe('erp a://1');
      expect(readAt('mcp+crm:a://1', as(['guest'], { servers: ['erp'] }))).toBe('erp mcp+crm:a://1');
    });

    it('that open nothing show nothing', () => {
      expect(seen({})).toEqual({ tools: [], prompts: [], resources: [], resourceTemplates: [] });
      expect(catalog.viewFor(as(['guest'])).isEmpty).toBe(true);
      expect(readAt('a://1', as(['guest']))).toBeUndefined();
    });

    it('of a virtual server select prompts by their full names, and resources by their members', () => {
      const desk = virtual({ servers: ['crm'], tools: ['*_greet'] });
      expect(LISTS.map((list) => namesOf(list, as(['guest']), desk))).toEqual([
        [],
        ['crm_greet'],
        ['a://1'],
        ['a://{x}'],
      ]);
    });

    it('of a tool that names roles hide the tool alone', () => {
      member('crm', { tools: ['pay'], prompts: ['pay'], resources: ['a://1'] }, { tool_permissions: { pay: ['fin'] } });
      expect([namesOf('tools'), namesOf('prompts')]).toEqual([['erp_find'], ['crm_pay', 'erp_greet']]);
    });
  });

  it('is offered as the configuration of the member says', () => {
    member(
      'crm',
      { prompts: ['greet', 'sum', 'odd'], resources: ['a://1', 'a://2', 'a://3'], templates: ['a://{x}'] },
      {
        disabled_prompts: ['crm_sum', 'odd'],
        prompts_description: { greet: 'Ours.' },
        disabled_resources: ['a://2', 'crm_n-a://3', 't'],
        resources_description: { 'a://1': 'One.' },
      },
    );
    expect(definitionsOf('prompts')).toEqual([{ name: 'crm_greet', 'x-own': 1, description: 'Ours.' }]);
    expect(definitionsOf('resources')).toEqual([{ uri: 'a://1', name: 'n-a://1', description: 'One.' }]);
    expect(namesOf('resourceTemplates')).toEqual([]);
  });

  it('is read as far as it can be, list by list', () => {
    const slot = member('crm', { tools: ['find'], prompts: ['greet'] });
    slot.offer = { ...slot.offer, resources: ['no JSON'], tools: ['no JSON'] };
    changed();
    expect(LISTS.map((list) => namesOf(list))).toEqual([[], ['crm_greet'], [], []]);
  });
});
