import type { MemberSlot } from '#builder';
import type { VirtualServer } from '#registry';
import { type Permissions, type Principal, SCOPES } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { describe, expect, it } from '@jest/globals';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { mayUse } from './may-use.js';
import { ToolPolicy } from './tool-policy.js';

const holder = (roles: readonly string[], permissions: Partial<Permissions> = {}, scopes = SCOPES): Principal =>
  principalOf('ann', { roles, scopes, permissions: { tools: [], servers: [], virtualServers: [], ...permissions } });

function tool(server: string, name: string, roles?: readonly string[]): CatalogEntry {
  const slot = { ref: { serverId: server } } as unknown as MemberSlot;
  const full = `${server}_${name}`;
  const definition = Buffer.alloc(0);
  return { name: full, fullName: full, definition, target: { slot, own: name }, ...(roles ? { roles } : {}) };
}

const TOOLS = [
  tool('crm', 'find'),
  tool('crm', 'pay', ['finance']),
  tool('erp', 'find'),
  tool('erp', 'close', ['developer']),
  tool('erp', 'drop', []),
];
const management: CatalogEntry = {
  name: 'list_servers',
  fullName: 'list_servers',
  definition: Buffer.alloc(0),
  target: { management: 'list_servers' },
};

function open(by: Principal, isOpenSelection = false): string[] {
  const policy = new ToolPolicy(by);
  return [...TOOLS, management].filter((entry) => policy.opens(entry, isOpenSelection)).map(({ name }) => name);
}

const ALL = ['crm_find', 'crm_pay', 'erp_find', 'erp_close', 'erp_drop'];

describe('ToolPolicy', () => {
  it.each<[string, Principal, string[]]>([
    ['nobody without a role', holder([]), []],
    ['an administrator: all of it', holder(['admin']), [...ALL, 'list_servers']],
    ['an operator: all of it', holder(['operator']), [...ALL, 'list_servers']],
    ['an administrator whose credential is for calling', holder(['admin'], {}, ['mcp'] as never), ALL],
    ['a caller: what names no roles', holder(['caller']), ['crm_find', 'erp_find']],
    ['a developer: what names that role too', holder(['developer']), ['crm_find', 'erp_find', 'erp_close']],
    ['a caller with a role of the tenant', holder(['caller', 'finance']), ['crm_find', 'crm_pay', 'erp_find']],
    ['a role of the tenant: what names it', holder(['finance']), ['crm_pay']],
    ['the same with a pattern', holder(['finance'], { tools: ['erp_*'] }), ['crm_pay', 'erp_find']],
    ['a pattern: not what names other roles', holder(['support'], { tools: ['*'] }), ['crm_find', 'erp_find']],
    ['a server: not what names other roles', holder(['support'], { servers: ['crm'] }), ['crm_find']],
    ['servers by a pattern', holder(['support'], { servers: ['?r?'] }), ['crm_find', 'erp_find']],
    ['patterns of virtual servers: no tools', holder(['support'], { virtualServers: ['*'] }), []],
    ['a role by the name of a management tool', holder(['support'], { tools: ['list_servers'] }), []],
    ['a role that only looks built in', holder(['Admin', 'callers']), []],
  ])('opens to %s', (_, by, wanted) => {
    expect(open(by)).toEqual(wanted);
  });

  it('opens a selection that is open as a whole, but for what names other roles', () => {
    expect(open(holder(['support']), true)).toEqual(['crm_find', 'erp_find']);
    expect(open(holder(['finance']), true)).toEqual(['crm_find', 'crm_pay', 'erp_find']);
  });

  it('has one key for those to whom the same is open, and others for all others', () => {
    const same = [
      [holder(['admin']), holder(['admin', 'x'], { tools: ['a'] }), holder(['operator', 'caller'])],
      [holder(['admin'], {}, ['mcp'] as never)],
      [holder(['caller', 'x']), holder(['x', 'caller'], { tools: ['a'] })],
      [holder(['x'], { tools: ['a', 'b'] }), holder(['x'], { tools: ['b', 'a'], virtualServers: ['v'] })],
      [holder(['x'], { servers: ['a', 'b'] })],
      [holder(['x'], { tools: ['a,b'] })],
      [holder(['x'], { tools: ['a'] })],
      [holder(['x","y'])],
      [holder(['x', 'y'])],
    ].map((group) => group.map((one) => ToolPolicy.keyOf(one)));
    expect(same.map((keys) => new Set(keys).size)).toEqual(same.map(() => 1));
    expect(new Set(same.flat()).size).toBe(same.length);
  });
});

describe('mayUse', () => {
  const server = (roles?: string[]): VirtualServer => ({
    slug: 'desk',
    label: '',
    servers: ['*'],
    naming: 'prefix',
    ...(roles ? { roles } : {}),
  });
  const own = (...virtualServers: string[]) => holder(['support'], { virtualServers });

  it.each<[string, Principal, string[] | undefined, boolean]>([
    ['a built-in role, where none are named', holder(['caller']), undefined, true],
    ['a role of the tenant without a pattern', own(), undefined, false],
    ['a role of the tenant with one', own('d*k'), undefined, true],
    ['a pattern for another one', own('desk2'), undefined, false],
    ['a role that is named', holder(['support']), ['support'], true],
    ['a built-in role that is not named', holder(['caller']), ['support'], false],
    ['a built-in role that is named', holder(['developer']), ['developer'], true],
    ['a caller with a role that is named', holder(['caller', 'support']), ['support'], true],
    ['an administrator, whoever is named', holder(['admin']), [], true],
    ['somebody without a role', holder([]), undefined, false],
  ])('is asked by %s', (_, by, roles, wanted) => {
    expect(mayUse(by, server(roles))).toBe(wanted);
  });
});
