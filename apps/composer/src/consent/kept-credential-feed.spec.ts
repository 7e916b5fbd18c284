import type { AuthAdapter } from '#auth';
import type { MemberPool } from '#builder';
import type { CredentialNews } from '#gateway';
import { principalId, serverId, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import type { ChangeFeed, ChangeListener } from '#persistence';
import type { CredentialStanding, CredentialState, TokenKeeper } from '#token-store';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { KeptCredentialFeed } from './kept-credential-feed.js';

const acme = tenantId('acme');

describe('KeptCredentialFeed', () => {
  let tell: ChangeListener;
  let feed: KeptCredentialFeed;
  let standings: Map<string, CredentialStanding[]>;
  let asked: string[];
  let isAway: boolean;
  let lookMs: number;
  let isLoaded: boolean;
  let news: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    standings = new Map();
    asked = [];
    news = [];
    lookMs = 0;
    [isAway, isLoaded] = [false, true];
    const changes = { onChange: (listener: ChangeListener) => ((tell = listener), () => undefined) };
    const keeper = {
      standings: async ({ serverId: id }: { serverId: string }) => {
        if (isAway) throw new Error('away');
        asked.push(id);
        if (lookMs > 0) await new Promise((resolve) => setTimeout(resolve, lookMs));
        return standings.get(id) ?? [];
      },
    };
    const slot = (id: string, auth_strategy: string) => ({
      ref: { tenantId: acme, serverId: serverId(id) },
      config: { auth_strategy, auth: {}, tool_auth: {} },
    });
    const pool = {
      isLoaded: () => isLoaded,
      members: () => [slot('crm', 'oauth2'), slot('erp', 'bearer')],
    };
    const auth = { isRenewed: ({ strategy }: { strategy: string }) => strategy === 'oauth2' };
    feed = new KeptCredentialFeed(
      changes as unknown as ChangeFeed,
      keeper as unknown as TokenKeeper,
      auth as unknown as AuthAdapter,
      pool as unknown as MemberPool,
      Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined),
    );
    feed.onModuleInit();
    feed.onNews(({ member, principalId: whose, state }: CredentialNews) =>
      news.push(`${member.serverId} ${whose ?? 'all'} ${state}`),
    );
  });
  afterEach(async () => {
    await feed.onApplicationShutdown();
    jest.useRealTimers();
  });

  function stand(state: CredentialState, whose?: string, ageMs = 0): void {
    const key = {
      tenantId: acme,
      serverId: serverId('crm'),
      kind: 'token' as const,
      issuer: 'https://issuer.example',
      fingerprint: 'f',
      ...(whose === undefined ? {} : { principalId: principalId(whose) }),
    };
    const others = (standings.get('crm') ?? []).filter((one) => one.key.principalId !== key.principalId);
    // The clock of the store goes ahead by a day.
    const updatedAt = new Date(Date.now() + 86_400_000 - ageMs);
    standings.set('crm', [...others, { key, state, generation: 1, updatedAt, ageMs }]);
  }
  async function changed(topic = 'credentials'): Promise<readonly string[]> {
    void tell({ tenantId: acme, topic });
    await jest.advanceTimersByTimeAsync(2_000);
    return news.splice(0);
  }

  it('tells each change of state once, and whose it is', async () => {
    stand('live');
    stand('live', 'ann');
    expect(await changed()).toEqual(['crm all live', 'crm ann live']);
    expect(await changed()).toEqual([]);
    stand('reauth_required', 'ann');
    expect(await changed()).toEqual(['crm ann reauth_required']);
    stand('live', 'ann');
    expect(await changed()).toEqual(['crm ann live']);
  });

  it('says nothing of a renewal', async () => {
    stand('live');
    await changed();
    stand('refreshing');
    expect(await changed()).toEqual([]);
    stand('live');
    expect(await changed()).toEqual([]);
    stand('refreshing');
    await changed();
    stand('held');
    expect(await changed()).toEqual(['crm all held']);
  });

  it('repeats nothing that was there long before this process', async () => {
    stand('reauth_required', 'ann', 3_600_000);
    stand('config_error', 'bob', 1_000);
    expect(await changed()).toEqual(['crm bob config_error']);
  });

  it('asks about members whose credential can end, in tenants that are served', async () => {
    await changed('servers');
    expect(asked).toEqual([]);
    await changed();
    expect(asked).toEqual(['crm']);
    isLoaded = false;
    await changed();
    expect(asked).toEqual(['crm']);
  });

  it('looks at changes together that come fast', async () => {
    for (let n = 0; n < 50; n++) void tell({ tenantId: acme, topic: 'credentials' });
    await jest.advanceTimersByTimeAsync(5_000);
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  it('rests when a look is over, for longer where it takes long', async () => {
    const look = async () => {
      asked.splice(0);
      void tell({ tenantId: acme, topic: 'credentials' });
      await jest.advanceTimersByTimeAsync(0);
      return asked.length;
    };
    expect(await look()).toBe(1);
    expect(await look()).toBe(0);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(asked).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1_000);
    lookMs = 500;
    expect(await look()).toBe(1);
    await jest.advanceTimersByTimeAsync(500 + 2_000);
    expect(await look()).toBe(0);
    await jest.advanceTimersByTimeAsync(2_500);
    expect(asked).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(500);
  });

  it('looks again when the store is back', async () => {
    stand('live');
    isAway = true;
    expect(await changed()).toEqual([]);
    isAway = false;
    await jest.advanceTimersByTimeAsync(2_000);
    expect(news).toEqual(['crm all live']);
  });
});
