import { openAuthAdapter } from '../testing/open-auth-adapter.js';
import 'reflect-metadata';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import * as offered from './strategies/index.js';
import { indexByName } from './strategy.auth-adapter.js';

const use = {
  member: { tenantId: tenantId('acme'), serverId: serverId('crm') },
  endpoint: new URL('https://crm.example/api'),
};

describe('AuthModule', () => {
  const open = openAuthAdapter;

  it('routes a block to the strategy that it names', async () => {
    const auth = await open();
    const { block, faults } = auth.check({ strategy: 'apikey', settings: { apikey: 'k' } });
    expect(faults).toEqual([]);
    expect(await auth.authorize(use, block)).toEqual({ headers: { 'x-api-key': 'k' } });
    expect(await auth.renew(use, block, {})).toBeUndefined();
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
    const known = auth.describe().map(({ name }) => name);
    expect(known).toEqual(expect.arrayContaining(['apikey', 'apitoken', 'basic', 'bearer', 'none']));
    const message = `no auth strategy "kerberos"; known: ${known.sort().join(', ')}`;
    expect(faults).toEqual([{ path: 'auth_strategy', message }]);
    await expect(auth.authorize(use, { strategy: 'kerberos', settings: {} })).rejects.toThrow(/known: apikey/);
  });

  it('names every fault by its path', async () => {
    const auth = await open();
    const { faults } = auth.check({ strategy: 'basic', settings: { username: 'a:b', extra: 1 } });
    expect(faults.map(({ path }) => path)).toEqual(['auth.username', 'auth.password', 'auth.extra']);
  });

  it('refuses to boot with two strategies of one name', () => {
    expect(() => indexByName([{ name: 'a' }, { name: 'A' }] as never)).toThrow(/share the name/);
  });

  it('offers every strategy file, and holds each to the contract in strategies.spec.ts', () => {
    const folder = new URL('./strategies/', import.meta.url);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const named = files.filter((file) => file.endsWith('.strategy.ts')).map(classOf);
    expect({ notInIndex: named.filter((name) => !(name in offered)) }).toEqual({ notInIndex: [] });
    const specs = files
      .filter((file) => file.endsWith('.spec.ts'))
      .map((file) => readFileSync(new URL(file, folder), 'utf8'));
    const tried = (name: string) => specs.some((text) => text.includes(`new ${name}(`));
    expect({ withoutSpec: named.filter((name) => !tried(name)) }).toEqual({ withoutSpec: [] });
  });
});

/** `api-key.strategy.ts` holds `ApiKeyStrategy`. */
function classOf(file: string): string {
  const words = file.split('/').at(-1)!.replace('.strategy.ts', '').split('-');
  return `${words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')}Strategy`;
}
