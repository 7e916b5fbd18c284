import 'reflect-metadata';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import { Test } from '@nestjs/testing';
import { AuthAdapter } from './auth-adapter.js';
import { AuthModule } from './auth.module.js';
import * as offered from './strategies/index.js';
import { indexByName } from './strategy.auth-adapter.js';

const member = { tenantId: tenantId('acme'), serverId: serverId('crm') };

describe('AuthModule', () => {
  const open = async () => (await Test.createTestingModule({ imports: [AuthModule] }).compile()).get(AuthAdapter);

  it('routes a block to the strategy that it names', async () => {
    const auth = await open();
    const { block, faults } = auth.check({ strategy: 'apikey', settings: { apikey: 'k' } });
    expect(faults).toEqual([]);
    expect(await auth.authorize(member, block)).toEqual({ headers: { 'x-api-key': 'k' } });
    expect(await auth.renew(member, block, {})).toBeUndefined();
  });

  it('reads aliases, other cases and camelCase keys as the strategy itself', async () => {
    const auth = await open();
    expect(auth.check({ strategy: 'apiToken', settings: { token: 't', authPrefix: 'P' } })).toEqual({
      block: { strategy: 'apitoken', settings: { token: 't', auth_prefix: 'P' } },
      faults: [],
    });
  });

  it('names the known strategies when asked for an unknown one', async () => {
    const auth = await open();
    const { faults } = auth.check({ strategy: 'kerberos', settings: {} });
    expect(faults).toEqual([
      { path: 'auth_strategy', message: 'no auth strategy "kerberos"; known: apikey, apitoken, basic, bearer, none' },
    ]);
    await expect(auth.authorize(member, { strategy: 'kerberos', settings: {} })).rejects.toThrow(/known: apikey/);
  });

  it('names every fault by its path', async () => {
    const auth = await open();
    const { faults } = auth.check({ strategy: 'basic', settings: { username: 'a:b', extra: 1 } });
    expect(faults.map(({ path }) => path)).toEqual(['auth.username', 'auth.password', 'auth.extra']);
  });

  it('refuses to boot with two strategies of one name', () => {
    expect(() => indexByName([{ name: 'a' }, { name: 'A' }] as never)).toThrow(/share the name/);
  });

  it('offers every strategy file', () => {
    const files = readdirSync(new URL('./strategies', import.meta.url), { recursive: true, encoding: 'utf8' });
    expect(Object.keys(offered)).toHaveLength(files.filter((file) => file.endsWith('.strategy.ts')).length);
  });
});
