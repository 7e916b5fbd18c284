import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuthAdapter } from '#auth';
import { type StrategyParts, authAdapterOn, openStrategyParts } from '#auth/testing';
import { serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { openMemorySealer } from '#persistence/testing';
import { SYSTEM } from '#tenancy';
import { RecordingGate } from '../testing/recording-gate.js';
import { CredentialSweep } from './credential-sweep.js';
import { usesOf } from './former-credentials.js';
import { MemoryServerConfigStore } from './memory/memory.server-config.store.js';
import { SealedConfig } from './sealed-config.js';
import { type ServerChange, ServerRegistry } from './server-registry.js';

const BY = { by: SYSTEM };
const acme = tenantId('acme');
const crm = { tenantId: acme, serverId: serverId('crm') };
const DAY = 24 * 3_600_000;

describe('what issuers have given for settings that are gone', () => {
  let parts: StrategyParts;
  let auth: AuthAdapter;
  let store: MemoryServerConfigStore;
  let registry: ServerRegistry;
  let sweep: CredentialSweep;
  /** Status of the answer where tokens are revoked. */
  let revoking: number;

  beforeEach(async () => {
    revoking = 200;
    parts = await openStrategyParts(({ path }, count) =>
      path === '/revoke' ? { status: revoking } : { body: { access_token: `t${count}`, token_type: 'Bearer' } },
    );
    auth = authAdapterOn(parts);
    const log = Log.open({ level: 'error', format: 'json' }, new SecretValues(), () => undefined);
    store = new MemoryServerConfigStore();
    registry = new ServerRegistry(
      store,
      new SealedConfig(await openMemorySealer(), auth, new SecretValues()),
      auth,
      log,
    );
    registry.useGate(new RecordingGate());
    sweep = new CredentialSweep(registry, auth, log);
    await registry.register(acme, { ...server(), tool_auth: { pay: block('payer') } }, BY);
    await use();
  });
  afterEach(() => parts.close());

  const block = (client: string) => ({
    auth_strategy: 'oauth2',
    auth: {
      token_url: `${parts.issuer.url}/token`,
      revocation_url: `${parts.issuer.url}/revoke`,
      client_id: client,
      client_secret: `secret of ${client}`,
    },
  });
  const server = () => ({ id: 'crm', type: 'http', endpoint: 'https://crm.example/mcp', ...block('caller') });
  const present = async () => usesOf(crm, (await registry.openAll(acme))[0]!.config!);
  /** Has a token for every credential of the server. */
  const use = async (of = present()) => {
    for (const { use: wanted, block: settings } of await of) await auth.authorize(wanted, settings);
  };
  const revoked = () =>
    parts.asked
      .filter(({ path }) => path === '/revoke')
      .map(({ body }) => new URLSearchParams(body).get('client_id'))
      .sort();
  const kept = async () => (await auth.standings(crm)).length;
  const outcomes = ({ withdrawn = [] }: ServerChange) => withdrawn.map(({ outcome }) => outcome);

  it('is revoked where they were changed, and nothing else is', async () => {
    const change = await registry.update(crm, { auth: { scope: 'more' } }, BY);
    expect(outcomes(change)).toEqual(['revoked']);
    expect(change.warnings).toEqual([]);
    expect(revoked()).toEqual(['caller']);
    expect(await kept()).toBe(1);
    await use();
    expect(await kept()).toBe(2);
  });

  it.each<[string, object, string[]]>([
    ['the strategy is another one', { auth_strategy: 'bearer', auth: { token: 't' } }, ['caller']],
    ['the strategy is removed', { auth_strategy: 'none', auth: null }, ['caller']],
    ['a secret is another one', { auth: { client_secret: 'other' } }, ['caller']],
    ['a tool has no credential of its own any more', { tool_auth: null }, ['payer']],
    [
      'the endpoint is of another origin, so that secrets are void',
      { endpoint: 'https://x.example' },
      ['caller', 'payer'],
    ],
  ])('is revoked where %s', async (_, patch, expected) => {
    await registry.update(crm, patch, BY);
    expect(revoked()).toEqual(expected);
    expect(await kept()).toBe(2 - expected.length);
  });

  it('is revoked where a former version is restored', async () => {
    await registry.update(crm, { tool_auth: null }, BY);
    await registry.update(crm, { auth: { scope: 'more' } }, BY);
    await use();
    await registry.restore(crm, 2, SYSTEM);
    expect(revoked()).toEqual(['caller', 'caller', 'payer']);
  });

  it('stays where a change is about something else', async () => {
    const change = await registry.update(
      crm,
      { label: 'Customers', timeout: 7, endpoint: 'https://crm.example/v2' },
      BY,
    );
    await registry.setStatus(crm, 'deactivated', SYSTEM);
    expect(change.withdrawn).toBeUndefined();
    expect(revoked()).toEqual([]);
    expect(await kept()).toBe(2);
  });

  it('is told of where it could not be revoked, and out of use all the same', async () => {
    revoking = 503;
    const change = await registry.update(crm, { tool_auth: null }, BY);
    expect(change.withdrawn).toMatchObject([{ serverId: 'crm', outcome: 'failed', reason: 'access_token: http_503' }]);
    expect(change.warnings.join()).toContain('could not be revoked there');
    expect(await kept()).toBe(1);
  });

  it('does not undo a change where it cannot be taken now, and goes with the sweep', async () => {
    const { withdrawFormer } = auth;
    auth.withdrawFormer = async () => {
      throw new Error('away');
    };
    const change = await registry.update(crm, { tool_auth: null }, BY);
    expect(change.warnings.join()).toContain('within a day');
    auth.withdrawFormer = withdrawFormer;
    parts.clock.time += DAY;
    await use(); // what is present is renewed, or had long ago: it stays
    expect(await sweep.sweep(acme)).toMatchObject([{ outcome: 'revoked' }]);
    expect(revoked()).toEqual(['payer']);
    expect(await kept()).toBe(1);
  });

  it('goes within a day where a replica has had it that did not know of the change, and not before', async () => {
    const former = await present();
    await registry.update(crm, { auth: { scope: 'more' } }, BY);
    await use(Promise.resolve(former));
    parts.clock.time += DAY - 1;
    expect(await sweep.sweep(acme)).toEqual([]);
    parts.clock.time += 1;
    expect(await sweep.sweep(acme)).toMatchObject([{ outcome: 'revoked' }]);
    expect(revoked()).toEqual(['caller', 'caller']);
    expect(await sweep.sweep(acme)).toEqual([]);
    expect(await kept()).toBe(1);
  });

  it('goes within a day where the server is gone', async () => {
    const former = await present();
    await registry.remove(crm, SYSTEM);
    await use(Promise.resolve(former));
    parts.clock.time += DAY;
    expect(await sweep.sweep(acme)).toHaveLength(2);
    expect(await kept()).toBe(0);
  });

  it('stays where the present settings cannot be read at the moment', async () => {
    const [stored] = await store.list(acme);
    store.find = async () => ({ ...stored!, secrets: new Map([['/auth/client_secret', 'broken']]) }) as never;
    parts.clock.time += DAY;
    expect(await sweep.sweep(acme)).toEqual([]);
    expect(await kept()).toBe(2);
  });
});
