import { type MemberPool, MemberSlot } from '#builder';
import { offerOf } from '#builder/testing';
import { type MemberRef, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { type ServerConfig, type VirtualServer, type VirtualServerDirectory, serverConfigSchema } from '#registry';
import { type Permissions, type Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ManagementTools } from '../management/management-tools.js';
import type { CatalogEntry } from './catalog-entry.js';
import type { Selection } from './selection.js';
import { Selections } from './selections.js';
import { ToolCatalog } from './tool-catalog.js';

const acme = tenantId('acme');
const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
const management: CatalogEntry = {
  name: 'list_servers',
  fullName: 'list_servers',
  definition: Buffer.from('{"name":"list_servers"}'),
  target: { management: 'list_servers' },
};

const as = (roles: readonly string[], permissions: Partial<Permissions> = {}): Principal =>
  principalOf('ann', {
    tenantId: acme,
    roles,
    permissions: { tools: [], servers: [], virtualServers: [], ...permissions },
  });

describe('Selections', () => {
  let slots: Map<string, MemberSlot>;
  let virtual: Map<string, VirtualServer> | undefined;
  let listeners: Set<(tenant: typeof acme) => void>;
  let catalog: ToolCatalog;
  let selections: Selections;

  beforeEach(() => {
    slots = new Map();
    virtual = new Map();
    listeners = new Set();
    const onChange = (listener: (tenant: typeof acme) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    };
    const pool = {
      members: (tenant: string) => (tenant === acme ? [...slots.values()] : []),
      find: ({ tenantId: tenant, serverId: id }: MemberRef) => (tenant === acme ? slots.get(id) : undefined),
      onChange,
    } as unknown as MemberPool;
    const directory = {
      peek: (tenant: string) => (tenant === acme ? virtual : new Map()),
      load: async () => virtual ?? new Map<string, VirtualServer>(),
      onChange,
    } as unknown as VirtualServerDirectory;
    const tools = { entries: () => [management] } as unknown as ManagementTools;
    catalog = new ToolCatalog(pool, directory, tools, { pageSize: 2, offersManagementTools: true }, log);
    catalog.onModuleInit();
    selections = new Selections(pool, catalog, directory);
    member('crm', ['find', 'pay', 'sum'], { tool_permissions: { pay: ['finance'] } });
    member('erp', ['find']);
    member('down', []);
  });

  const changed = () => listeners.forEach((listener) => listener(acme));

  function member(id: string, tools: readonly string[], more: Partial<ServerConfig> = {}): void {
    const config = serverConfigSchema.parse({ id, type: 'http', endpoint: 'http://127.0.0.1/mcp', ...more });
    const slot = new MemberSlot({ tenantId: acme, serverId: serverId(id) }, config, log);
    slot.offer = offerOf({ tools: tools.map((name) => JSON.stringify({ name })) });
    slots.set(id, slot);
    changed();
  }

  function offer(slug: string, more: Partial<VirtualServer> = {}): void {
    virtual!.set(slug, { slug, label: '', servers: ['*'], naming: 'prefix', ...more });
    changed();
  }

  /** Names there, or undefined if there is no such place for the principal. */
  function namesAt(slug: string, by: Principal = as(['caller'])): string[] | undefined {
    const selection = selections.find(by, slug) as Selection | undefined;
    return selection && catalog.viewFor(by, selection).tools.entries.map(({ name }) => name);
  }

  describe('of virtual servers', () => {
    it('offer the tools of their servers under full names, management tools never', () => {
      offer('desk', { servers: ['crm', 'd*'] });
      expect(namesAt('desk')).toEqual(['crm_find', 'crm_sum']);
      expect(namesAt('desk', as(['admin']))).toEqual(['crm_find', 'crm_pay', 'crm_sum']);
      expect(namesAt('', as(['admin']))).toContain('list_servers');
    });

    it('offer those of their tools that are named, alone', () => {
      offer('desk', { tools: ['*_find', 'crm_pay', 'find'] });
      expect(namesAt('desk')).toEqual(['crm_find', 'erp_find']);
      expect(namesAt('desk', as(['caller', 'finance']))).toEqual(['crm_find', 'crm_pay', 'erp_find']);
    });

    it('open to a role of the tenant what its tools’ permissions do not close, and nothing elsewhere', () => {
      offer('desk', { servers: ['crm'] });
      const support = as(['support'], { virtualServers: ['de?k'] });
      expect(namesAt('desk', support)).toEqual(['crm_find', 'crm_sum']);
      expect(namesAt('', support)).toEqual([]);
      expect(namesAt('crm', support)).toBeUndefined();
    });

    it('are not there for whom they are not open, like those that do not exist', () => {
      offer('desk', { roles: ['support'] });
      for (const slug of ['desk', 'nothing', 'constructor', '__proto__']) expect(namesAt(slug)).toBeUndefined();
      expect(namesAt('desk', as(['support']))).toBeDefined();
      expect(namesAt('desk', { ...as(['admin']), tenantId: tenantId('globex') })).toBeUndefined();
    });

    it('take the place of a member of the same id, also for those who may not use them', () => {
      offer('crm', { servers: ['erp'], roles: ['support'] });
      expect(namesAt('crm', as(['support']))).toEqual(['erp_find']);
      expect(namesAt('crm')).toBeUndefined();
    });

    it('are as they are now', () => {
      offer('desk', { servers: ['crm'] });
      namesAt('desk');
      offer('desk', { servers: ['erp'] });
      expect(namesAt('desk')).toEqual(['erp_find']);
      member('erp', ['find', 'more']);
      expect(namesAt('desk')).toEqual(['erp_find', 'erp_more']);
    });

    it('are waited for where they must be read first', async () => {
      offer('desk');
      const known = virtual;
      virtual = undefined;
      const found = selections.find(as(['caller']), 'desk');
      expect(found).toBeInstanceOf(Promise);
      virtual = known;
      expect(await found).toBeUndefined(); // what was read, not what came later
    });

    it('are read in pages of their own', () => {
      offer('desk', { servers: ['crm'] });
      const by = as(['admin']);
      const selection = selections.find(by, 'desk') as Selection;
      const first = catalog.viewFor(by, selection).tools.page(undefined)!;
      const second = catalog.viewFor(by, selection).tools.page(first.nextCursor)!;
      expect([first, second].map(({ definitions }) => definitions.toString())).toEqual([
        '{"name":"crm_find"},{"name":"crm_pay"}',
        '{"name":"crm_sum"}',
      ]);
      expect(second.nextCursor).toBeUndefined();
    });
  });

  describe('of members', () => {
    it('offer their tools under their own names, and lead to the same tools', () => {
      expect(namesAt('crm')).toEqual(['find', 'sum']);
      const selection = selections.find(as(['caller']), 'crm') as Selection;
      const { byName } = catalog.viewFor(as(['caller']), selection).tools;
      expect(byName.get('find')?.definition.toString()).toBe('{"name":"find"}');
      expect(byName.get('find')?.target).toEqual({ slot: slots.get('crm'), own: 'find' });
    });

    it('are judged by full names', () => {
      expect(namesAt('crm', as(['x'], { tools: ['crm_find'] }))).toEqual(['find']);
      expect(namesAt('crm', as(['x'], { tools: ['find'] }))).toBeUndefined();
      expect(namesAt('crm', as(['x'], { servers: ['crm'] }))).toEqual(['find', 'sum']);
    });

    it('are not there for those who see no tool of them', () => {
      expect(namesAt('crm', as(['x'], { servers: ['erp'] }))).toBeUndefined();
      expect(namesAt('crm', as([]))).toBeUndefined();
      member('pay', ['go'], { tool_permissions: { go: ['finance'] } });
      expect(namesAt('pay')).toBeUndefined();
      expect(namesAt('pay', as(['finance']))).toEqual(['go']);
    });

    it('that offer nothing at the moment are there for whom they would be open', () => {
      expect(namesAt('down')).toEqual([]);
      expect(namesAt('down', as(['x'], { servers: ['down'] }))).toEqual([]);
      expect(namesAt('down', as(['x'], { servers: ['crm'] }))).toBeUndefined();
    });

    it('tell how they are, and nothing of others', () => {
      slots.get('crm')!.note('ok');
      slots.get('erp')!.note('ok');
      const by = as(['admin']);
      expect(catalog.outcomes(by, selections.find(by, 'crm') as Selection)).toEqual({ crm: 'ok' });
    });
  });

  describe('views', () => {
    it('are found by the principal, and shared by those to whom the same is open', () => {
      const [one, other] = [as(['x'], { tools: ['crm_*'] }), as(['x'], { tools: ['crm_*'] })];
      expect(catalog.viewFor(one)).toBe(catalog.viewFor(other));
      expect(catalog.viewFor(as(['x'], { tools: ['erp_*'] }))).not.toBe(catalog.viewFor(one));
    });

    it('are those of the principal’s permissions as they are now', () => {
      const before = as(['x'], { tools: ['crm_find'] });
      expect(catalog.viewFor(before).tools.byName.has('crm_find')).toBe(true);
      expect(catalog.viewFor({ ...before, permissions: { ...before.permissions, tools: [] } }).tools.entries).toEqual(
        [],
      );
    });
  });
});
