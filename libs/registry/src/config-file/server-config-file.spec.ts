import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openAuthAdapter } from '#auth/testing';
import { setEnvironment } from '#config';
import { ComposerError, type ErrorCode, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { openMemorySealer } from '#persistence/testing';
import type { Admission, Candidate, MemberGate } from '../member-gate.js';
import { MemoryServerConfigStore } from '../memory/memory.server-config.store.js';
import { SealedConfig } from '../sealed-config.js';
import { ServerRegistry } from '../server-registry.js';
import { ServerConfigFile } from './server-config-file.js';

const acme = tenantId('acme');

class OpenGate implements MemberGate {
  readonly admitted: string[] = [];
  /** What building a member of this id ends with. */
  readonly faults = new Map<string, Error>();
  admitting = async (): Promise<void> => undefined;

  judge = async (): Promise<void> => undefined;
  retire = async (): Promise<void> => undefined;
  isWorking = async (): Promise<boolean> => false;

  async admit({ config: { id } }: Candidate): Promise<Admission> {
    this.admitted.push(id);
    await this.admitting();
    const fault = this.faults.get(id);
    if (fault) throw fault;
    return { activate: () => undefined, discard: async () => undefined };
  }
}

describe('ServerConfigFile', () => {
  let folder: string;
  let registry: ServerRegistry;
  let gate: OpenGate;
  let lines: string[];
  let log: Log;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mcpc-file-'));
    const auth = await openAuthAdapter();
    const secrets = new SecretValues();
    lines = [];
    log = Log.open({ level: 'error', format: 'json' }, secrets, (line) => lines.push(line));
    registry = new ServerRegistry(
      new MemoryServerConfigStore(),
      new SealedConfig(await openMemorySealer(), auth, secrets),
      auth,
      log,
    );
    gate = new OpenGate();
    registry.useGate(gate);
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
    expect(gate.admitted).toHaveLength(1);
    await apply(JSON.stringify([{ ...shop, timeout: 9 }]));
    expect(await version()).toBe(2);
  });

  it.each([
    ['an unset variable', JSON.stringify([{ ...shop, auth: { apikey: 'ENV_UNSET' } }]), '0.auth.apikey'],
    ['a faulty server', JSON.stringify([{ ...shop, timeout: 0 }]), 'shop.timeout'],
    ['an id twice', JSON.stringify([shop, shop]), 'shop'],
    ['no list', '{"mcpServers": {}}', ''],
    ['neither JSON nor YAML', '{"a": hunter2secret', ''],
  ])('refuses a file with %s and names the place', async (_, text, path) => {
    const error = await apply(text).catch((reason: ComposerError) => reason);
    expect(error).toMatchObject({ code: 'COMPOSER_CONFIG_FILE_INVALID' });
    expect((error as ComposerError).faults.map((fault) => fault.path)).toContain(path);
    expect((error as ComposerError).message).not.toContain('hunter2secret');
  });

  const catalogue = { id: 'catalogue', type: 'openapi' };
  const endpoint = 'https://catalogue.example';
  const fetched = { ...catalogue, open_api: { endpoint, spec_url: `${endpoint}/openapi.json` } };
  const inline = { ...catalogue, open_api: { endpoint, spec: { openapi: '3.1.0' } } };
  const fault = (code: ErrorCode) =>
    new ComposerError(code, 'no', { status: 422, faults: [{ path: 'open_api.spec', message: 'no' }] });

  it.each<[ErrorCode]>([['COMPOSER_SPECIFICATION_UNAVAILABLE'], ['COMPOSER_OPENAPI_INVALID_DOCUMENT']])(
    'goes on without a server whose document is away or broken (%s), and logs it',
    async (code) => {
      gate.faults.set('catalogue', fault(code));
      await apply(JSON.stringify([fetched, shop]));
      expect((await registry.list(acme)).map(({ id }) => id)).toEqual(['shop']);
      expect(lines.join()).toContain(code);
    },
  );

  it.each([
    ['a document in the file itself', inline, 'COMPOSER_OPENAPI_INVALID_DOCUMENT'],
    ['an address that may not be called', fetched, 'COMPOSER_EGRESS_DENIED'],
  ] as const)('refuses the start for %s', async (_, entry, code) => {
    gate.faults.set('catalogue', fault(code));
    await expect(apply(JSON.stringify([entry]))).rejects.toMatchObject({
      faults: [{ path: 'catalogue.open_api.spec', message: 'no' }],
    });
  });

  it('tries eight servers side by side and no more', async () => {
    let trying = 0;
    let most = 0;
    gate.admitting = async () => {
      most = Math.max(most, ++trying);
      await new Promise((resolve) => setImmediate(resolve));
      trying--;
    };
    await apply(
      JSON.stringify(Array.from({ length: 20 }, (_, index) => ({ ...shop, _id: `s${index}`, id: `s${index}` }))),
    );
    expect(await registry.list(acme)).toHaveLength(20);
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThan(1);
  });
});
