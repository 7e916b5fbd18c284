import { type MemberPool, MemberSlot } from '#builder';
import { offerOf } from '#builder/testing';
import { type MemberRef, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { type ServerConfig, type VirtualServer, type VirtualServerDirectory, serverConfigSchema } from '#registry';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ManagementTools } from '../management/management-tools.js';
import type { CatalogEntry } from './catalog-entry.js';
import { ToolCatalog } from './tool-catalog.js';

const acme = tenantId('acme');
const holder = (...roles: string[]) => principalOf('ann', { tenantId: acme, roles });
const admin = holder('admin');

/** The members of one tenant, and who wants to hear of their changes. */
class ToldPool {
  readonly slots = new Map<string, MemberSlot>();
  private readonly listeners = new Set<(tenant: string) => void>();

  members(tenant: string): readonly MemberSlot[] {
    return tenant === acme ? [...this.slots.values()] : [];
  }
  find({ tenantId: tenant, serverId: id }: MemberRef): MemberSlot | undefined {
    return tenant === acme ? this.slots.get(id) : undefined;
  }
  onChange(listener: (tenant: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  changed(): void {
    for (const listener of this.listeners) listener(acme);
  }
}

const managementEntry: CatalogEntry = {
  name: 'list_servers',
  fullName: 'list_servers',
  definition: Buffer.from('{"name":"list_servers"}'),
  target: { management: 'list_servers' },
};

describe('ToolCatalog', () => {
  let pool: ToldPool;
  let lines: string[];
  let log: Log;

  beforeEach(() => {
    pool = new ToldPool();
    lines = [];
    log = Log.open({ level: 'debug', format: 'json' }, new SecretValues(), (line) => lines.push(line));
  });

  function open({ pageSize = 1000, offersManagementTools = true } = {}): ToolCatalog {
    const management = { entries: () => [managementEntry] } as unknown as ManagementTools;
    const catalog = new ToolCatalog(
      pool as unknown as MemberPool,
      { onChange: () => () => undefined } as unknown as VirtualServerDirectory,
      management,
      { pageSize, offersManagementTools },
      log,
    );
    catalog.onModuleInit();
    return catalog;
  }

  function offer(id: string, tools: readonly (string | object)[], more: Partial<ServerConfig> = {}): MemberSlot {
    const config = serverConfigSchema.parse({ id, type: 'http', endpoint: 'http://127.0.0.1/mcp', ...more });
    const slot = new MemberSlot({ tenantId: acme, serverId: serverId(id) }, config, log);
    slot.offer = offerOf({
      tools: tools.map((tool) => JSON.stringify(typeof tool === 'string' ? { name: tool } : tool)),
    });
    pool.slots.set(id, slot);
    pool.changed();
    return slot;
  }

  const namesFor = (catalog: ToolCatalog, principal = admin) =>
    catalog.viewFor(principal).tools.entries.map(({ name }) => name);

  function pagesOf(catalog: ToolCatalog, principal = admin, first?: string): string[][] {
    const pages: string[][] = [];
    for (let cursor: string | undefined = first, more = true; more;) {
      const page = catalog.viewFor(principal).tools.page(cursor)!;
      const definitions = JSON.parse(`[${page.definitions.toString()}]`) as { name: string }[];
      pages.push(definitions.map(({ name }) => name));
      cursor = page.nextCursor;
      more = cursor !== undefined;
      if (pages.length > 100) throw new Error('the pages come to no end');
    }
    return pages;
  }

  const definitionOf = (catalog: ToolCatalog, name: string) =>
    catalog.viewFor(admin).tools.byName.get(name)?.definition.toString();

  describe('names', () => {
    it('puts the server’s id before every name and nothing else into the definition', () => {
      const slot = offer('crm', []);
      slot.offer = offerOf({
        tools: ['{ "x-own" : 1.50, "na\\u006de":"q\\"é" ,"inputSchema":{"properties":{"name":{}}}}'],
      });
      pool.changed();
      const catalog = open();
      expect(namesFor(catalog)).toContain('crm_q"é');
      expect(definitionOf(catalog, 'crm_q"é')).toBe(
        '{ "x-own" : 1.50, "na\\u006de":"crm_q\\"é" ,"inputSchema":{"properties":{"name":{}}}}',
      );
    });

    it('leads from a full name to the member and its own name of the tool, wherever underscores stand', () => {
      const [short, long] = [offer('a', ['b_c', 'x']), offer('a_b', ['d'])];
      const { byName } = open().viewFor(admin).tools;
      expect(byName.get('a_b_c')?.target).toEqual({ slot: short, own: 'b_c' });
      expect(byName.get('a_b_d')?.target).toEqual({ slot: long, own: 'd' });
    });

    it('offers neither of two tools with one full name, so that no member takes over the tool of another one', () => {
      offer('a_b', ['c', 'd']);
      offer('a', ['b_c', 'e']);
      expect(namesFor(open())).toEqual(['a_b_d', 'a_e', 'list_servers']);
      expect(lines.join('')).toMatch(/same full name.*a_b_c|a_b_c.*same full name/);
    });

    it('lets no member take the name of a management tool', () => {
      offer('list', ['servers']);
      expect(open().viewFor(admin).tools.byName.get('list_servers')).toBe(managementEntry);
    });

    it('offers what a member can be read of, whatever another one sent', () => {
      const broken = offer('bad', ['x']);
      broken.offer = offerOf({ tools: ['no JSON'] });
      offer('crm', ['echo']);
      expect(namesFor(open())).toEqual(['crm_echo', 'list_servers']);
      expect(lines.join('')).toContain('a list of a member cannot be read');
    });

    it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
      'treats a tool that is called %s like any other',
      (tool) => {
        offer('crm', [{ name: tool, description: 'Own.' }, 'echo']);
        const catalog = open();
        expect(namesFor(catalog, holder('caller'))).toEqual([`crm_${tool}`, 'crm_echo'].sort());
        expect(JSON.parse(definitionOf(catalog, `crm_${tool}`)!)).toMatchObject({ description: 'Own.' });
      },
    );
  });

  describe('virtual servers', () => {
    const at = (catalog: ToolCatalog, server: Partial<VirtualServer>) =>
      catalog.viewFor(holder('caller'), {
        kind: 'virtual',
        server: { slug: 'desk', label: '', servers: ['*'], naming: 'none', ...server },
      });
    const offeredAt = (...of: Parameters<typeof at>) => at(...of).tools.entries.map(({ name }) => name);

    beforeEach(() => {
      offer('crm', ['find', 'note']);
      offer('erp', ['find', 'order']);
    });

    it('offer the own names of their servers in mode none, and definitions that say so', () => {
      const catalog = open();
      expect(offeredAt(catalog, { servers: ['crm'] })).toEqual(['find', 'note']);
      expect(
        at(catalog, { servers: ['crm'] })
          .tools.byName.get('find')
          ?.definition.toString(),
      ).toBe('{"name":"find"}');
      expect(offeredAt(catalog, { tools: ['crm_*', 'erp_order'] })).toEqual(['find', 'note', 'order']);
    });

    it('offer a name that two servers have under neither, and log both owners', () => {
      expect(offeredAt(open(), {})).toEqual(['note', 'order']);
      expect(lines.join('')).toMatch(/"crm","erp".*same name at a virtual server/);
    });

    it('offer names of the tenant’s choice in mode custom, and full names where it chose none', () => {
      const names = { 'crm_*': '*', erp_order: 'buy' };
      const catalog = open();
      const view = at(catalog, { naming: 'custom', names });
      expect(view.tools.entries.map(({ name }) => name)).toEqual(['buy', 'erp_find', 'find', 'note']);
      expect(view.tools.byName.get('find')?.target).toMatchObject({ own: 'find', slot: pool.slots.get('crm') });
      expect(view.tools.byName.get('buy')?.target).toMatchObject({ own: 'order', slot: pool.slots.get('erp') });
    });

    it('leave it to a judge to refuse what collides', () => {
      const server: VirtualServer = { slug: 'desk', label: '', servers: ['*'], naming: 'none' };
      expect(open().collisions(acme, server)).toEqual([{ name: 'find', owners: ['crm', 'erp'] }]);
      expect(open().collisions(acme, { ...server, naming: 'prefix' })).toEqual([]);
      expect(open().collisions(acme, { ...server, tools: ['crm_*'] })).toEqual([]);
    });
  });

  describe('names that are too long', () => {
    const long = (end: string) => 'x'.repeat(70) + end;

    it('are cut to 64 characters, stay apart, and lead back, by either name', () => {
      const slot = offer('crm', [long('a'), long('b'), 'x'.repeat(60)]);
      const view = open({ offersManagementTools: false }).viewFor(admin);
      const names = view.tools.entries.map(({ name }) => name);
      expect(names.map((name) => name.length)).toEqual([64, 64, 64]);
      expect(new Set(names).size).toBe(3);
      for (const end of ['a', 'b']) {
        const entry = view.tools.byName.get(`crm_${long(end)}`)!;
        expect(entry.target).toEqual({ slot, own: long(end) });
        expect(view.tools.byName.get(entry.name)).toBe(entry);
        expect(JSON.parse(entry.definition.toString())).toEqual({ name: entry.name });
      }
    });

    it('are the same after every change and in every process', () => {
      offer('crm', [long('a')]);
      const [name] = namesFor(open({ offersManagementTools: false }));
      expect(name).toBe(`crm_${'x'.repeat(51)}_bce305d4`);
    });
  });

  describe('settings of a server', () => {
    it('hides disabled tools, by their own or their full names', () => {
      offer('crm', ['echo', 'find', 'sum'], { disabled_tools: ['echo', 'crm_find'] });
      expect(namesFor(open())).toEqual(['crm_sum', 'list_servers']);
    });

    it('replaces descriptions, by own or full names, and keeps the rest of the definition', () => {
      const tools = ['echo', 'find'].map((name) => ({ name, description: 'Theirs.', 'x-own': { a: 1 } }));
      offer('crm', tools, { tools_description: { echo: 'Ours "1".', crm_find: 'Ours 2.' } });
      const catalog = open();
      expect(JSON.parse(definitionOf(catalog, 'crm_echo')!)).toEqual({
        name: 'crm_echo',
        description: 'Ours "1".',
        'x-own': { a: 1 },
      });
      expect(definitionOf(catalog, 'crm_find')).toContain('Ours 2.');
    });

    it('shows restricted tools to those roles and to administrators, open ones to everybody', () => {
      offer('crm', ['open', 'pay', 'refund'], { tool_permissions: { pay: ['finance'], crm_refund: [] } });
      const catalog = open();
      expect(namesFor(catalog, holder('caller'))).toEqual(['crm_open']);
      expect(namesFor(catalog, holder('caller', 'finance'))).toEqual(['crm_open', 'crm_pay']);
      expect(namesFor(catalog)).toEqual(['crm_open', 'crm_pay', 'crm_refund', 'list_servers']);
    });

    it('takes no role whose name joins two others for both of them', () => {
      offer('crm', ['pay'], { tool_permissions: { pay: ['finance'] } });
      const catalog = open();
      expect(namesFor(catalog, holder('caller', 'finance'))).toEqual(['crm_pay']);
      for (const role of ['caller finance', 'caller,finance', '["caller","finance"]']) {
        expect(namesFor(catalog, holder(role))).toEqual([]);
      }
    });
  });

  describe('management tools', () => {
    it('are for administrators and operators alone', () => {
      const catalog = open();
      for (const role of ['admin', 'operator']) expect(namesFor(catalog, holder(role))).toEqual(['list_servers']);
      for (const role of ['developer', 'caller', 'own']) expect(namesFor(catalog, holder(role))).toEqual([]);
    });

    it('are hidden from a credential that is not for management, whoever else has seen them', () => {
      const catalog = open();
      expect(namesFor(catalog)).toEqual(['list_servers']);
      expect(namesFor(catalog, { ...admin, scopes: ['mcp'] })).toEqual([]);
    });

    it('can be switched off', () => {
      expect(namesFor(open({ offersManagementTools: false }))).toEqual([]);
    });
  });

  describe('tenants', () => {
    it('see nothing of each other', () => {
      offer('crm', ['echo']);
      const stranger = { ...holder('caller', 'operator'), tenantId: tenantId('globex') };
      expect(namesFor(open(), stranger)).toEqual(['list_servers']);
    });
  });

  describe('changes', () => {
    it('are seen as soon as the pool tells of them, and no sooner', () => {
      const slot = offer('crm', ['echo']);
      const catalog = open();
      const view = catalog.viewFor(admin);
      expect(catalog.viewFor(admin)).toBe(view);
      slot.offer = offerOf({ tools: ['{"name":"sum"}'] });
      expect(catalog.viewFor(admin)).toBe(view);
      pool.changed();
      expect(namesFor(catalog)).toEqual(['crm_sum', 'list_servers']);
    });

    it('are heard of no more after shutdown', () => {
      const catalog = open();
      const view = catalog.viewFor(admin);
      catalog.onApplicationShutdown();
      pool.changed();
      expect(catalog.viewFor(admin)).toBe(view);
    });
  });

  describe('pages', () => {
    it('give every tool once, in order, whatever the size of a page', () => {
      const names = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { maxLength: 30 });
      fc.assert(
        fc.property(names, fc.integer({ min: 1, max: 12 }), (tools, pageSize) => {
          offer('crm', tools);
          const catalog = open({ pageSize });
          const pages = pagesOf(catalog);
          const seen = pages.flat();
          expect(new Set(seen).size).toBe(seen.length);
          expect([...seen].sort()).toEqual([...tools.map((tool) => `crm_${tool}`), 'list_servers'].sort());
          expect(pages.slice(0, -1).every((page) => page.length === pageSize)).toBe(true);
          expect(pages.at(-1)!.length).toBeGreaterThan(0);
        }),
        { numRuns: 150 },
      );
    });

    it('are none too many when the last one is full', () => {
      offer('crm', ['a', 'b', 'c', 'd']);
      const sizes = pagesOf(open({ pageSize: 2, offersManagementTools: false })).map(({ length }) => length);
      expect(sizes).toEqual([2, 2]);
    });

    it('are one without tools when there are none', () => {
      expect(pagesOf(open({ offersManagementTools: false }))).toEqual([[]]);
    });

    it('go on behind the last tool seen, though that one and others have come and gone', () => {
      offer('crm', ['a', 'c', 'e', 'g']);
      const catalog = open({ pageSize: 2, offersManagementTools: false });
      const { nextCursor } = catalog.viewFor(admin).tools.page(undefined)!;
      offer('crm', ['a', 'b', 'd', 'e', 'h']);
      expect(pagesOf(catalog, admin, nextCursor).flat()).toEqual(['crm_d', 'crm_e', 'crm_h']);
      offer('crm', []);
      expect(pagesOf(catalog, admin, nextCursor)).toEqual([[]]);
    });

    it('show only what the principal may see', () => {
      offer('crm', ['a', 'b', 'c'], { tool_permissions: { b: ['finance'] } });
      expect(pagesOf(open({ pageSize: 1 }), holder('caller'))).toEqual([['crm_a'], ['crm_c']]);
    });

    it('refuse cursors that were not given out here', () => {
      const catalog = open();
      const cursor = Buffer.from('after:crm_a').toString('base64url');
      expect(catalog.viewFor(admin).tools.page(cursor)).toBeDefined();
      const bad = [
        0,
        null,
        {},
        [cursor],
        '',
        'x',
        `${cursor}=`,
        ` ${cursor}`,
        Buffer.from('before:x').toString('base64url'),
      ];
      for (const one of bad) expect(catalog.viewFor(admin).tools.page(one)).toBeUndefined();
    });

    it('are made once for all who see the same', () => {
      offer('crm', ['a']);
      const catalog = open();
      const first = (...roles: string[]) => catalog.viewFor(holder(...roles)).tools.page(undefined);
      expect(first('caller', 'x')).toBe(first('x', 'caller'));
    });

    it('of invented cursors are not kept', () => {
      offer('crm', ['a', 'b', 'c', 'd']);
      const catalog = open({ pageSize: 2 });
      const at = (name: string) =>
        catalog.viewFor(admin).tools.page(Buffer.from(`after:${name}`).toString('base64url'));
      expect(at('crm_b')).toBe(at('crm_b')); // where the second page begins
      expect(at('crm_b~')).toBe(at('crm_b'));
      expect(at('crm_a')).not.toBe(at('crm_a'));
      expect(at('crm_a')).toEqual(at('crm_a'));
    });
  });

  it('tells how each member of the tenant was', () => {
    offer('crm', []).note('ok');
    offer('erp', []).note('unreachable', 'it is away');
    const catalog = open();
    expect(catalog.outcomes(admin)).toEqual({ crm: 'ok', erp: 'unreachable' });
    expect(catalog.outcomes({ ...admin, tenantId: tenantId('globex') })).toEqual({});
  });

  it('tells a caller nothing of members whose tools it may not see', () => {
    offer('crm', ['a']).note('ok');
    offer('erp', ['b'], { tool_permissions: { b: ['finance'] } }).note('ok');
    expect(open().outcomes(holder('caller'))).toEqual({ crm: 'ok' });
    expect(open().outcomes(holder('caller', 'finance'))).toEqual({ crm: 'ok', erp: 'ok' });
  });
});
