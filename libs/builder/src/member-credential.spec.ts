import type { AuthAdapter, AuthBlock, CredentialUse, RefusedPatch, RequestPatch } from '#auth';
import { Clock, principalId, serverId, tenantId } from '#kernel';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { MemberCredential } from './member-credential.js';
import { MemberCredentials } from './member-credentials.js';

const place = {
  member: { tenantId: tenantId('acme'), serverId: serverId('crm') },
  endpoint: new URL('https://crm.example/api'),
};
const block = { strategy: 'dynamic', settings: { key: 'k' } };

class SetClock extends Clock {
  time = 1_000_000;
  override now(): number {
    return this.time;
  }
}

/** Gives numbered tokens, as slowly or unwillingly as told. */
class TokenSource {
  authorized: unknown[] = [];
  renewed: unknown[] = [];
  accepted: unknown[] = [];
  lifetimeMs: number | undefined;
  fault: Error | undefined;
  hasFresher = true;
  generation: number | undefined;
  private count = 0;

  constructor(private readonly clock: SetClock) {}

  readonly adapter = {
    authorize: async (...args: unknown[]) => {
      this.authorized.push(args);
      return this.next();
    },
    renew: async (...args: unknown[]) => {
      this.renewed.push(args);
      return this.hasFresher ? this.next() : undefined;
    },
    noteAccepted: (_use: unknown, _block: unknown, patch: RequestPatch) =>
      void this.accepted.push(patch.headers?.['authorization']),
  } as unknown as AuthAdapter;

  private async next(): Promise<RequestPatch> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.fault) throw this.fault;
    const expiresAt = this.lifetimeMs === undefined ? {} : { expiresAt: this.clock.now() + this.lifetimeMs };
    const generation = this.generation === undefined ? {} : { generation: this.generation };
    return { headers: { authorization: `Bearer ${++this.count}` }, ...expiresAt, ...generation };
  }
}

describe('MemberCredential', () => {
  let clock: SetClock;
  let source: TokenSource;
  let credential: MemberCredential;

  beforeEach(() => {
    clock = new SetClock();
    source = new TokenSource(clock);
    credential = new MemberCredential(source.adapter, place, block, clock);
  });

  const together = <T>(ask: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: 20 }, ask));
  const token = (patch: RequestPatch | undefined) => patch?.headers?.['authorization'];

  it('asks once for many callers, for its member with its own settings', async () => {
    const patches = await together(() => credential.get());
    expect(new Set(patches.map(token))).toEqual(new Set(['Bearer 1']));
    expect(source.authorized).toEqual([[place, block]]);
  });

  it('keeps a patch that does not expire', async () => {
    await credential.get();
    clock.time += 10 * 365 * 86_400_000;
    expect(token(credential.peek())).toBe('Bearer 1');
  });

  it('asks again now and then while a patch serves, so that it can be renewed ahead of time', async () => {
    source.lifetimeMs = 3_600_000;
    await credential.get();
    for (let second = 1; second <= 60; second++) {
      clock.time += 1_000;
      expect(token(credential.peek())).toMatch(/^Bearer /);
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
    expect(source.authorized).toHaveLength(5);
    expect(token(credential.peek())).toBe('Bearer 5');
  });

  it('goes on with what serves when asking ahead of time fails', async () => {
    source.lifetimeMs = 3_600_000;
    await credential.get();
    source.fault = new Error('the issuer is away');
    clock.time += 20_000;
    expect(token(credential.peek())).toBe('Bearer 1');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(token(credential.peek())).toBe('Bearer 1');
  });

  it('renews what was refused although it was asked for a second time meanwhile', async () => {
    source.generation = 7;
    const refused = await credential.get();
    credential.forget();
    await credential.get();
    source.generation = 8;
    expect((await credential.renew(refused))?.generation).toBe(8);
    expect(source.renewed).toHaveLength(1);
  });

  it('asks anew five seconds before a patch expires', async () => {
    source.lifetimeMs = 60_000;
    await credential.get();
    clock.time += 54_999;
    expect(token(credential.peek())).toBe('Bearer 1');
    clock.time += 1;
    expect(credential.peek()).toBeUndefined();
    expect(token(await credential.get())).toBe('Bearer 2');
  });

  it('asks anew a tenth of its life before a patch with a short one expires', async () => {
    source.lifetimeMs = 5_000;
    await credential.get();
    clock.time += 4_499;
    expect(token(credential.peek())).toBe('Bearer 1');
    clock.time += 1;
    expect(credential.peek()).toBeUndefined();
  });

  it('sends nothing older once it was told to forget, not even what was asked for before', async () => {
    await credential.get();
    credential.forget();
    expect(credential.peek()).toBeUndefined();
    const old = credential.get();
    credential.forget();
    expect(token(await credential.get())).toBe('Bearer 3');
    expect(token(await old)).toBe('Bearer 2');
    expect(token(credential.peek())).toBe('Bearer 3');
    const renewing = credential.renew(credential.peek()!);
    credential.forget();
    expect(token(await renewing)).toBe('Bearer 4');
    expect(credential.peek()).toBeUndefined();
  });

  it('tells once that a patch was taken, and nothing of one that it does not hold any more', async () => {
    const first = await credential.get();
    for (let n = 0; n < 3; n++) credential.noteAccepted(first);
    expect(source.accepted).toEqual(['Bearer 1']);
    const second = await credential.renew(first);
    credential.noteAccepted(first);
    credential.noteAccepted(second!);
    expect(source.accepted).toEqual(['Bearer 1', 'Bearer 2']);
  });

  it('tells that a patch was taken although it was told to forget meanwhile', async () => {
    source.generation = 1;
    const first = await credential.get();
    credential.forget();
    for (let n = 0; n < 3; n++) credential.noteAccepted(first);
    expect(source.accepted).toEqual(['Bearer 1']);
    source.generation = 2;
    const renewing = credential.renew(first);
    credential.forget();
    const second = await renewing;
    credential.noteAccepted(second!);
    expect(source.accepted).toEqual(['Bearer 1', 'Bearer 2']);
    const again = await credential.get();
    credential.noteAccepted(second!);
    expect(source.accepted).toEqual(['Bearer 1', 'Bearer 2', 'Bearer 2']);
    credential.noteAccepted(again);
    credential.noteAccepted(first);
    expect(source.accepted).toHaveLength(3);
  });

  it('takes no page for a sign that a patch was taken before the page was read', async () => {
    const patch = await credential.get();
    const asked: unknown[] = [];
    source.adapter.refuses = (_, { status, page }) => {
      asked.push(page);
      return status === 401 || page === 'log in';
    };
    const head = { status: 200, statusText: '', headers: {}, contentType: 'text/html; charset=utf-8' };
    const json = { ...head, contentType: 'application/json' };
    expect(credential.judgeHead(patch, head)).toBe(false);
    expect(credential.judgeBody(patch, head, Buffer.from('log in'))).toBe(true);
    expect(source.accepted).toEqual([]);
    expect(credential.judgeBody(patch, json, Buffer.from('log in'))).toBe(false);
    expect(asked).toEqual([undefined, 'log in']);
    expect(credential.judgeBody(patch, head, Buffer.from('welcome'))).toBe(false);
    expect(source.accepted).toEqual(['Bearer 1']);
    expect(credential.judgeHead(patch, { ...head, status: 401 })).toBe(true);
  });

  it('tells how a patch was refused, and renews for each wish of the member by itself', async () => {
    const refused = await credential.get();
    const scope = (name: string) => ({ status: 403, contentType: '', challenge: `Bearer scope="${name}"` });
    const no = (challenge: string) => ({ status: 401, contentType: '', challenge });
    const nonce = no('DPoP error="use_dpop_nonce"');
    const answers = [scope('a'), scope('a'), scope('b'), no('Bearer nonce'), no('Bearer realm="x"'), nonce, nonce];
    await Promise.all(answers.map((answer) => credential.renew(refused, answer)));
    const told = source.renewed.map((args) => (args as [unknown, unknown, RefusedPatch])[2].answer?.challenge);
    expect(told).toEqual(['Bearer scope="a"', 'Bearer scope="b"', 'Bearer nonce', 'DPoP error="use_dpop_nonce"']);
  });

  it('rejects when there is no credential, and tries again the next time', async () => {
    source.fault = new Error('the token endpoint is away');
    const results = await Promise.allSettled([credential.get(), credential.get()]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(credential.peek()).toBeUndefined();
    source.fault = undefined;
    expect(token(await credential.get())).toBe('Bearer 1');
  });

  it('renews a refused patch once for all calls that were refused together', async () => {
    const refused = await credential.get();
    const fresh = await together(() => credential.renew(refused));
    expect(new Set(fresh.map(token))).toEqual(new Set(['Bearer 2']));
    expect(source.renewed).toEqual([[place, block, refused]]);
    expect(token(credential.peek())).toBe('Bearer 2');
  });

  it('gives the patch at hand to a call that comes late with an older one', async () => {
    const refused = await credential.get();
    const fresh = await credential.renew(refused);
    expect(await credential.renew(refused)).toBe(fresh);
    expect(source.renewed).toHaveLength(1);
  });

  it('renews again when the fresh patch is refused too', async () => {
    const first = await credential.get();
    const second = await credential.renew(first);
    expect(token(await credential.renew(second!))).toBe('Bearer 3');
  });

  it('keeps what it has when there is nothing fresher', async () => {
    const refused = await credential.get();
    source.hasFresher = false;
    expect(await credential.renew(refused)).toBeUndefined();
    expect(credential.peek()).toBe(refused);
  });

  it('tells a failed renewal, and tries again the next time', async () => {
    const refused = await credential.get();
    source.fault = new Error('away');
    await expect(credential.renew(refused)).rejects.toThrow('away');
    source.fault = undefined;
    expect(token(await credential.renew(refused))).toBe('Bearer 2');
  });
});

const partsWith = (adapter: object) => ({
  auth: { isPerPrincipal: () => false, ...adapter } as unknown as AuthAdapter,
  clock: new Clock(),
  deadlines: { add: () => () => undefined },
});

describe('MemberCredentials', () => {
  it('knows a tool by the name that clients see too, and prefers the member’s own name for it', () => {
    const block = { auth_strategy: 'bearer', auth: {} };
    const config = { ...block, tool_auth: { crm_pay: block, crm_list: block, list: block } };
    const credentials = new MemberCredentials(partsWith({}), place, config);
    expect(credentials.for('pay')).not.toBe(credentials.for());
    expect(credentials.for('pay')).toBe(credentials.for('crm_pay'));
    expect(credentials.for('list')).not.toBe(credentials.for('crm_list'));
  });

  it('gives a tool the credential of its own where it has one, and the member’s otherwise', async () => {
    const asked: unknown[] = [];
    const adapter = {
      authorize: async (_: unknown, asking: unknown) => {
        asked.push(asking);
        return {};
      },
    };
    const config = {
      auth_strategy: 'bearer',
      auth: { token: 'own' },
      tool_auth: { pay: { auth_strategy: 'basic', auth: { username: 'u' } } },
    };
    const credentials = new MemberCredentials(partsWith(adapter), place, config);
    expect(credentials.for('list')).toBe(credentials.for());
    expect(credentials.for('constructor')).toBe(credentials.for());
    await credentials.for('pay').get();
    await credentials.for().get();
    expect(asked).toEqual([
      { strategy: 'basic', settings: { username: 'u' } },
      { strategy: 'bearer', settings: { token: 'own' } },
    ]);
  });

  describe('of a strategy with one for every principal', () => {
    const own = { auth_strategy: 'oauth2', auth: {} };
    const asked: CredentialUse[] = [];
    const adapter = {
      isPerPrincipal: ({ strategy }: AuthBlock) => strategy === 'oauth2',
      authorize: async (use: CredentialUse) => {
        asked.push(use);
        return { headers: { authorization: String(use.principalId) } };
      },
    };
    const [ann, bob] = [principalId('ann'), principalId('bob')];
    let credentials: MemberCredentials;
    beforeEach(() => {
      asked.splice(0);
      const tool_auth = { crm_pay: own, list: { auth_strategy: 'bearer', auth: {} } };
      credentials = new MemberCredentials(partsWith(adapter), place, { ...own, tool_auth });
    });

    it('gives each its own, for the member and for a tool, and the same one again', async () => {
      expect(credentials.isPerPrincipal).toBe(true);
      const all = [credentials.for('find', ann), credentials.for('find', bob), credentials.for('pay', ann)];
      expect(new Set(all).size).toBe(3);
      expect([credentials.for('other', ann), credentials.for('find', bob), credentials.for('crm_pay', ann)]).toEqual(
        all,
      );
      for (const credential of all) await credential.get();
      expect(asked.map(({ principalId: id, tool }) => [id, tool])).toEqual([
        ['ann', undefined],
        ['bob', undefined],
        ['ann', 'crm_pay'],
      ]);
      expect(all.every(({ isPersonal }) => isPersonal)).toBe(true);
    });

    it('names nobody where nobody calls, and shares what is not personal', async () => {
      await credentials.for().get();
      expect(asked).toEqual([place]);
      expect(credentials.for('list', ann)).toBe(credentials.for('list', bob));
      expect(credentials.for('list', ann).isPersonal).toBe(false);
    });

    it('forgets those of one principal, or all of them', async () => {
      const all = [credentials.for('find', ann), credentials.for('pay', ann), credentials.for('find', bob)];
      const held = () => all.map((credential) => credential.peek() !== undefined);
      for (const credential of all) await credential.get();
      credentials.forget(ann);
      expect(held()).toEqual([false, false, true]);
      credentials.forget();
      expect(held()).toEqual([false, false, false]);
    });
  });
});
