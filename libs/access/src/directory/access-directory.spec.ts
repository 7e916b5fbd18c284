import { beforeEach, describe, expect, it } from '@jest/globals';
import { Clock, type PrincipalId, principalId, tenantId } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';
import { type Permissions, SCOPES } from '#tenancy';
import { eventOf } from '../../testing/access-stores.js';
import { type MemoryIdentity, openMemoryIdentity } from '../../testing/memory-identity.js';
import type { AccessDirectory } from './access-directory.js';

class HandClock extends Clock {
  time = 1_000_000;
  override now(): number {
    return this.time;
  }
}

const MORE = { scopes: SCOPES, credential: { kind: 'token', id: 'jti-1' } } as const;
const ADA = principalId('ada');
const EVENT = eventOf('x.y');

describe('AccessDirectory', () => {
  let clock: HandClock;
  let open: MemoryIdentity;
  let directory: AccessDirectory;
  let reads: number;

  beforeEach(async () => {
    clock = new HandClock();
    open = await openMemoryIdentity({ clock });
    directory = open.directory;
    await addAda(['developer', 'sales', 'nobody-knows']);
    reads = 0;
    const { principals } = open.stores;
    const find = principals.find.bind(principals);
    principals.find = async (...at) => {
      reads += 1;
      return find(...at);
    };
  });

  const addAda = (roles: readonly string[]) =>
    open.stores.principals.insert({ tenantId: open.stores.own, id: ADA, kind: 'user', name: 'Ada', roles }, EVENT);
  const addRole = (name: string, permissions: Partial<Permissions>) =>
    open.stores.roles.write(
      {
        tenantId: open.stores.own,
        name,
        description: '',
        permissions: { tools: [], servers: [], virtualServers: [], ...permissions },
        version: 1,
      },
      EVENT,
    );
  const change = async (more: object) => {
    const ada = (await open.stores.principals.find(open.stores.own, ADA))!;
    await open.stores.principals.replace({ ...ada, ...more, version: ada.version + 1 }, EVENT);
  };
  const ada = (more: object = {}, id: PrincipalId = ADA) =>
    directory.principalFor(open.stores.own, id, { ...MORE, ...more });

  it('makes a principal of what is stored and of what its credential says', async () => {
    await addRole('sales', { tools: ['crm_*'], servers: ['shop'] });
    expect(await ada()).toEqual({
      id: ADA,
      tenantId: open.stores.own,
      roles: ['developer', 'sales'],
      permissions: { tools: ['crm_*'], servers: ['shop'], virtualServers: [] },
      ...MORE,
    });
  });

  it('unites what its own roles open, those of a token among them, and gives nothing for names that nobody knows', async () => {
    await addRole('sales', { tools: ['crm_*', 'mail_send'] });
    await addRole('support', { tools: ['mail_send'], virtualServers: ['desk'] });
    const principal = await ada({ roles: ['support', 'admins', 'caller'] });
    expect(principal?.roles).toEqual(['developer', 'caller', 'sales', 'support']);
    expect(principal?.permissions).toEqual({ tools: ['crm_*', 'mail_send'], servers: [], virtualServers: ['desk'] });
  });

  it('makes nobody an operator because a token says so', async () => {
    expect((await ada({ roles: ['operator', 'admin'] }))?.roles).toEqual(['admin', 'developer']);
  });

  it('knows no principal that is gone, disabled, of another tenant, or of a suspended one', async () => {
    expect(await ada({}, principalId('nobody'))).toBeUndefined();
    expect(await directory.principalFor(open.stores.foreign, ADA, MORE)).toBeUndefined();
    await change({ disabledAt: new Date() });
    expect(await ada()).toBeUndefined();
    const { tenants, own } = open.stores;
    const tenant = (await tenants.find(own))!;
    await open.stores.principals.remove(own, ADA, EVENT);
    await addAda(['admin']);
    expect(await ada()).toBeDefined();
    await tenants.replace({ ...tenant, suspendedAt: new Date(), version: 2 }, EVENT);
    expect(await ada()).toBeUndefined();
    await tenants.replace({ ...tenant, version: 3 }, EVENT);
    expect(await ada()).toBeDefined();
    await tenants.remove(own, EVENT);
    expect(await ada()).toBeUndefined();
  });

  it('takes no token from before what the principal accepts', async () => {
    await change({ validAfter: new Date(5000) });
    expect(await ada({ issuedAt: new Date(4999) })).toBeUndefined();
    expect(await ada({ issuedAt: new Date(5000) })).toBeDefined();
    expect(await ada()).toBeDefined();
  });

  it('asks the store once a minute, however many want to know', async () => {
    await Promise.all([ada(), ada(), ada()]);
    clock.time += 59_999;
    await ada();
    expect(reads).toBe(1);
    clock.time += 1;
    await ada();
    expect(reads).toBe(2);
  });

  it('asks again after a change of the tenant, and not after one of another', async () => {
    await ada();
    await open.stores.trail.feed.tell({ tenantId: open.stores.foreign, topic: 'access' });
    await open.stores.trail.feed.tell({ tenantId: open.stores.own, topic: 'servers' });
    await ada();
    expect(reads).toBe(1);
    await open.stores.trail.feed.tell({ tenantId: open.stores.own, topic: 'access' });
    await ada();
    expect(reads).toBe(2);
  });

  it('remembers nothing that was read before a change and arrived after it', async () => {
    const { principals, own, trail } = open.stores;
    const find = principals.find.bind(principals);
    const before = await find(own, ADA);
    let arrive = (): void => undefined;
    principals.find = () => new Promise((resolve) => (arrive = () => resolve(before)));
    const late = ada();
    principals.find = find;
    await change({ disabledAt: new Date() });
    const next = ada();
    arrive();
    await late;
    expect(await next).toBeUndefined(); // did not join the trip that began before the change
    expect(await ada()).toBeUndefined();
    expect(trail.feed.staleness()).toBe(0);
  });

  it('goes on for five minutes while the database is away, and no longer', async () => {
    await ada();
    const { principals, tenants, roles } = open.stores;
    const away = () => Promise.reject(new DatabaseUnavailableError('is away'));
    Object.assign(principals, { find: away });
    Object.assign(tenants, { find: away });
    Object.assign(roles, { list: away });
    clock.time += 5 * 60_000 - 1;
    expect(await ada()).toBeDefined();
    clock.time += 1;
    await expect(ada()).rejects.toThrow(DatabaseUnavailableError);
  });

  it('trusts nothing that it remembers once changes may have been missed for five minutes', async () => {
    await ada();
    open.stores.trail.feed.age = 5 * 60_000;
    await ada();
    expect(reads).toBe(1);
    open.stores.trail.feed.age += 1;
    await ada();
    expect(reads).toBe(2);
  });

  it.each(['', 'Acme', 'acme-', 'a\0', 'a'.repeat(64), '../acme'])(
    'looks for no tenant of the slug %j',
    async (slug) => {
      open.stores.tenants.findBySlug = () => Promise.reject(new Error('was asked'));
      expect(await directory.tenantBySlug(slug)).toBeUndefined();
    },
  );

  it('finds a tenant by its slug, again after it has gone, and a new one at once', async () => {
    const { tenants } = open.stores;
    expect(await directory.tenantBySlug('acme')).toBeUndefined();
    const first = await tenants.insert({ id: tenantId('first'), slug: 'acme', name: 'Acme' }, EVENT);
    expect(await directory.tenantBySlug('acme')).toEqual(first);
    await tenants.remove(first.id, EVENT);
    expect(await directory.tenantBySlug('acme')).toBeUndefined();
    const second = await tenants.insert({ id: tenantId('second'), slug: 'acme', name: 'Acme' }, EVENT);
    expect(await directory.tenantBySlug('acme')).toEqual(second);
  });
});
