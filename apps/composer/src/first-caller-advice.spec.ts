import type { AccessConfig, ApiKeyStore, Issuers } from '#access';
import { MemoryTenantStore } from '#access/testing';
import { type TenantId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { CLI } from '#tenancy';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { FirstCallerAdvice } from './first-caller-advice.js';

const EVENT = { action: 'test.prepared', actor: CLI };
const acme = tenantId('acme');

interface Situation {
  readonly mode: AccessConfig['mode'];
  readonly isAway: boolean;
}

describe('advice for the first caller', () => {
  let tenants: MemoryTenantStore;
  let keysOf: TenantId[];
  let issuersOf: TenantId[];
  let lines: string[];
  beforeEach(async () => {
    [tenants, keysOf, issuersOf, lines] = [new MemoryTenantStore(), [], [], []];
    await tenants.insert({ id: acme, slug: 'acme', name: 'Acme' }, EVENT);
  });

  async function give({ mode = 'required', isAway = false }: Partial<Situation> = {}): Promise<string> {
    const listOf = (owners: TenantId[]) => async (tenant: TenantId) => {
      if (isAway) throw new Error('the database is away');
      return owners.includes(tenant) ? ([{}] as never[]) : [];
    };
    const keys: Pick<ApiKeyStore, 'list'> = { list: listOf(keysOf) };
    const issuers: Pick<Issuers, 'list'> = { list: listOf(issuersOf) };
    const log = Log.open({ level: 'info', format: 'json' }, new SecretValues(), (line) => void lines.push(line));
    const config = { mode, hosts: [], origins: [], proxies: [] };
    await new FirstCallerAdvice(config, tenants, keys as ApiKeyStore, issuers as Issuers, log).give();
    return lines.join('');
  }

  it('is given where callers need a credential and there is none', async () => {
    expect(await give()).toMatch(/"warn".*nobody can call yet.*composer key create --tenant acme --role admin/);
  });

  it('is not given where callers need none', async () => {
    expect(await give({ mode: 'none' })).toBe('');
  });

  it('is not given where some tenant has a key', async () => {
    keysOf = [acme];
    expect(await give()).toBe('');
  });

  it('is not given where some tenant trusts an issuer', async () => {
    issuersOf = [acme];
    expect(await give()).toBe('');
  });

  it('is no failure when it cannot be given', async () => {
    expect(await give({ isAway: true })).toBe('');
  });
});
