import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AuthAdapter, AuthModule } from '#auth';
import { setEnvironment } from '#config';
import { type ComposerError, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { openMemorySealer } from '#persistence/testing';
import { Test } from '@nestjs/testing';
import type { MemberGate } from '../member-gate.js';
import { MemoryServerConfigStore } from '../memory/memory.server-config.store.js';
import { SealedConfig } from '../sealed-config.js';
import { ServerRegistry } from '../server-registry.js';
import { ServerConfigFile } from './server-config-file.js';

const acme = tenantId('acme');
const OPEN_GATE: MemberGate = {
  judge: async () => undefined,
  admit: async () => ({ activate: () => undefined, discard: async () => undefined }),
  retire: async () => undefined,
  isWorking: () => false,
};

describe('ServerConfigFile', () => {
  let folder: string;
  let registry: ServerRegistry;
  let log: Log;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mcpc-file-'));
    const auth = (await Test.createTestingModule({ imports: [AuthModule] }).compile()).get(AuthAdapter);
    const secrets = new SecretValues();
    log = Log.open({ level: 'fatal', format: 'json' }, secrets, () => undefined);
    registry = new ServerRegistry(
      new MemoryServerConfigStore(),
      new SealedConfig(await openMemorySealer(), auth, secrets),
      auth,
      log,
    );
    registry.useGate(OPEN_GATE);
    setEnvironment({ ENV_SHOP_KEY: 'key-of-shop', REGION: 'eu' });
  });
  afterEach(() => {
    setEnvironment(undefined);
    rmSync(folder, { recursive: true });
  });

  const apply = (text: string) => {
    const configFile = join(folder, 'servers');
    writeFileSync(configFile, text);
    return new ServerConfigFile(registry, log, { configFile }).apply(acme);
  };
  const shop = {
    _id: 'shop',
    id: 'shop',
    type: 'http',
    endpoint: 'https://${REGION}.shop.example/mcp',
    auth_strategy: 'apikey',
    auth: { apikey: 'ENV_SHOP_KEY' },
  };

  it.each([
    ['a JSON list', JSON.stringify([shop])],
    ['an object with servers', JSON.stringify({ servers: [shop] })],
    ['YAML', `servers:\n  - ${JSON.stringify(shop)}\n`],
  ])('registers the servers of %s, with values of the environment', async (_, text) => {
    await apply(text);
    expect(await registry.openAll(acme)).toMatchObject([
      { config: { id: 'shop', endpoint: 'https://eu.shop.example/mcp', auth: { apikey: 'key-of-shop' } } },
    ]);
  });

  it('changes a server to what the file says, and makes no version when it says the same', async () => {
    const version = async () => (await registry.get({ tenantId: acme, serverId: serverId('shop') })).version;
    await apply(JSON.stringify([shop]));
    await apply(JSON.stringify([shop]));
    expect(await version()).toBe(1);
    await apply(JSON.stringify([{ ...shop, timeout: 9 }]));
    expect(await version()).toBe(2);
  });

  it.each([
    ['an unset variable', JSON.stringify([{ ...shop, auth: { apikey: 'ENV_UNSET' } }]), '0.auth.apikey'],
    ['a faulty server', JSON.stringify([{ ...shop, timeout: 0 }]), 'shop.timeout'],
    ['no list', '{"mcpServers": {}}', ''],
    ['neither JSON nor YAML', '{"a": hunter2secret', ''],
  ])('refuses a file with %s and names the place', async (_, text, path) => {
    const error = await apply(text).catch((reason: ComposerError) => reason);
    expect(error).toMatchObject({ code: 'COMPOSER_CONFIG_FILE_INVALID' });
    expect((error as ComposerError).faults.map((fault) => fault.path)).toContain(path);
    expect((error as ComposerError).message).not.toContain('hunter2secret');
  });
});
