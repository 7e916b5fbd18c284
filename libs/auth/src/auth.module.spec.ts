import { openAuthAdapter } from '../testing/open-auth-adapter.js';
import 'reflect-metadata';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { serverId, tenantId } from '#kernel';
import * as offered from './strategies/index.js';
import { indexByName } from './strategy.auth-adapter.js';

const use = {
  member: { tenantId: tenantId('acme'), serverId: serverId('crm') },
  endpoint: new URL('https://crm.example/api'),
};

describe('AuthModule', () => {
  it('routes a block to the strategy that it names', async () => {
    const auth = await openAuthAdapter();
    const { block, faults } = auth.check({ strategy: 'apikey', settings: { apikey: 'k' } });
    expect(faults).toEqual([]);
    expect(await auth.authorize(use, block)).toEqual({ headers: { 'x-api-key': 'k' } });
    expect(await auth.renew(use, block, {})).toBeUndefined();
  });

  it('reads aliases, other cases and camelCase keys as the strategy itself', async () => {
    const auth = await openAuthAdapter();
    expect(auth.check({ strategy: 'apiToken', settings: { token: 't', authPrefix: 'P' } })).toEqual({
      block: { strategy: 'apitoken', settings: { token: 't', auth_prefix: 'P' } },
      faults: [],
    });
  });

  it('names the known strategies when asked for an unknown one', async () => {
    const auth = await openAuthAdapter();
    const { faults } = auth.check({ strategy: 'kerberos', settings: {} });
    const known = auth.describe().map(({ name }) => name);
    expect(known).toEqual(
      expect.arrayContaining(['apikey', 'apitoken', 'basic', 'bearer', 'dynamic_bearer', 'jsessionid', 'none']),
    );
    const message = `no auth strategy "kerberos"; known: ${known.sort().join(', ')}`;
    expect(faults).toEqual([{ path: 'auth_strategy', message }]);
    await expect(auth.authorize(use, { strategy: 'kerberos', settings: {} })).rejects.toThrow(/known: apikey/);
  });

  it('names every fault by its path', async () => {
    const auth = await openAuthAdapter();
    const { faults } = auth.check({ strategy: 'basic', settings: { username: 'a:b', extra: 1 } });
    expect(faults.map(({ path }) => path)).toEqual(['auth.username', 'auth.password', 'auth.extra']);
  });

  it('refuses to boot with two strategies of one name', () => {
    expect(() => indexByName([{ name: 'a' }, { name: 'A' }] as never)).toThrow(/share the name/);
  });

  it('offers every strategy file, and holds each to a contract', () => {
    expect(forgotten(fileURLToPath(new URL('./strategies/', import.meta.url)))).toEqual({
      notInIndex: [],
      withoutSpec: [],
    });
  });

  it('finds a strategy file that is not offered or not tried, in whatever folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'strategies-'));
    try {
      mkdirSync(join(folder, 'deep/deeper'), { recursive: true });
      writeFileSync(join(folder, 'kerberos.strategy.ts'), '');
      writeFileSync(join(folder, 'deep/deeper/smart-card.strategy.ts'), '');
      writeFileSync(join(folder, 'deep/bearer.strategy.ts'), '');
      writeFileSync(join(folder, 'deep/some.spec.ts'), 'new BearerStrategy(); new KerberosStrategy(clock);');
      const { notInIndex, withoutSpec } = forgotten(folder);
      expect(notInIndex.sort()).toEqual(['KerberosStrategy', 'SmartCardStrategy']);
      expect(withoutSpec).toEqual(['SmartCardStrategy']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** The strategies whose files stand in a folder, or below it, but not in the list of those on offer, or in no spec. */
function forgotten(folder: string): { notInIndex: string[]; withoutSpec: string[] } {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const named = files.filter((file) => file.endsWith('.strategy.ts')).map(classOf);
  const specs = files
    .filter((file) => file.endsWith('.spec.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  const isTried = (name: string) => specs.some((text) => text.includes(`new ${name}(`));
  return {
    notInIndex: named.filter((name) => !(name in offered)),
    withoutSpec: named.filter((name) => !isTried(name)),
  };
}

/** `api-key.strategy.ts` holds `ApiKeyStrategy`. */
function classOf(file: string): string {
  const words = basename(file, '.strategy.ts').split('-');
  return `${words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')}Strategy`;
}
