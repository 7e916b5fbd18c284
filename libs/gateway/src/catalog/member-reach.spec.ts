import { type MemberPool, MemberSlot } from '#builder';
import { offerOf } from '#builder/testing';
import { type MemberRef, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { type VirtualServer, type VirtualServerDirectory, serverConfigSchema } from '#registry';
import type { Permissions, Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ManagementTools } from '../management/management-tools.js';
import { MemberReach } from './member-reach.js';
import { ToolCatalog } from './tool-catalog.js';

const acme = tenantId('acme');
const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);

const as = (roles: readonly string[], permissions: Partial<Permissions> = {}): Principal =>
  principalOf('ann', {
    tenantId: acme,
    roles,
    permissions: { tools: [], servers: [], virtualServers: [], ...permissions },
  });

describe('MemberReach', () => {
  let slots: Map<string, MemberSlot>;
  let virtual: Map<string, VirtualServer>;
  let reach: MemberReach;

  beforeEach(() => {
    slots = new Map();
    virtual = new Map();
    const pool = {
      load: async () => undefined,
      members: () => [...slots.values()],
      find: ({ tenantId: tenant, serverId: id }: MemberRef) => (tenant === acme ? slots.get(id) : undefined),
      onChange: () => () => undefined,
    } as unknown as MemberPool;
    const directory = {
      load: async () => virtual,
      onChange: () => () => undefined,
    } as unknown as VirtualServerDirectory;
    const tools = { entries: () => [] } as unknown as ManagementTools;
    const catalog = new ToolCatalog(pool, directory, tools, { pageSize: 10, offersManagementTools: false }, log);
    reach = new MemberReach(pool, catalog, directory);
    member('crm', ['find', 'pay']);
    member('new', []);
  });

  function member(id: string, tools: readonly string[]): void {
    const config = serverConfigSchema.parse({ id, type: 'http', endpoint: 'http://127.0.0.1/mcp' });
    const slot = new MemberSlot({ tenantId: acme, serverId: serverId(id) }, config, log);
    slot.offer = offerOf({ tools: tools.map((name) => JSON.stringify({ name })) });
    slots.set(id, slot);
  }

  /** Of `crm`, which offers tools, and of `new`, which offers none yet. */
  const reached = (by: Principal) =>
    Promise.all(['crm', 'new', 'nowhere'].map((id) => reach.reaches(by, serverId(id))));

  it.each<[string, Principal, boolean[]]>([
    ['an administrator, to whom also what does not serve is there', as(['admin']), [true, true, true]],
    ['a built-in role', as(['caller']), [true, true, false]],
    ['nobody in particular', as([]), [false, false, false]],
    ['a role that opens a tool', as(['own'], { tools: ['crm_find', 'new_*'] }), [true, true, false]],
    [
      'a role that opens a tool of another server',
      as(['own'], { tools: ['crm2_*', 'newer_find'] }),
      [false, false, false],
    ],
    ['a role that opens servers', as(['own'], { servers: ['n?w'] }), [false, true, false]],
  ])('says who reaches what: %s', async (_, by, wanted) => expect(await reached(by)).toEqual(wanted));

  it('counts virtual servers that are open to the principal', async () => {
    virtual.set('desk', { slug: 'desk', label: '', servers: ['*'], naming: 'prefix' });
    expect(await reached(as(['own'], { virtualServers: ['desk'] }))).toEqual([true, true, false]);
    expect(await reached(as(['own'], { virtualServers: ['other'] }))).toEqual([false, false, false]);
  });
});
