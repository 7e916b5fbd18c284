import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Clock, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { DatabaseUnavailableError } from '#persistence';
import { until } from '#persistence/testing';
import { type OpenSessionStore, openSessionStore } from '#session-store/testing';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ClientSessions } from './client-sessions.js';
import { SessionPost } from './session-post.js';
import { SessionSeal } from './session-seal.js';
import { ReplicatedSessions } from './replicated-sessions.js';

class SetClock extends Clock {
  time = 1_795_000_000_000;
  override now(): number {
    return this.time;
  }
}

/** A seal that any process opens: the content itself, with something random before it. */
class OpenSeal extends SessionSeal {
  override seal(content: string): string {
    return Buffer.concat([randomBytes(6), Buffer.from(content)]).toString('base64url');
  }
  override open(sealed: string): string {
    return Buffer.from(sealed, 'base64url').subarray(6).toString();
  }
}

const acme = tenantId('acme');
const principal = principalOf('ann', { tenantId: acme, roles: ['caller'] });
const owner = { principal, slug: '' };
const FACTS = { version: '2025-11-25', capabilities: [] };

describe('ReplicatedSessions', () => {
  let clock: SetClock;
  let shared: OpenSessionStore;
  const process = () => {
    const { records, letters } = shared.process();
    const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
    const own = new ClientSessions(new OpenSeal(), clock);
    const post = new SessionPost(letters, log);
    const sessions = new ReplicatedSessions(own, records, post, log);
    post.onModuleInit();
    sessions.onModuleInit();
    return { own, sessions, records };
  };

  beforeEach(async () => {
    clock = new SetClock();
    shared = await openSessionStore(clock);
  });

  it('ask the store about a session of another process once, and about their own never', async () => {
    const [one, two] = [process(), process()];
    const session = one.sessions.open(owner, FACTS);
    expect(one.sessions.find(session.id, owner)).toEqual(session);
    const reads = jest.spyOn(shared.store, 'list');
    const find = async () => two.sessions.find(session.id, owner);
    expect(await Promise.all([find(), find()])).toEqual([session, session]);
    expect(two.sessions.find(session.id, owner)).toEqual(session);
    expect(reads).toHaveBeenCalledTimes(1);
  });

  it('end everywhere: where they are in use, and where they come later', async () => {
    const [one, two, three] = [process(), process(), process()];
    const session = one.sessions.open(owner, FACTS);
    await two.sessions.find(session.id, owner);
    const ended: string[] = [];
    two.sessions.onEnded((id) => ended.push(id));
    await one.sessions.end(principal, session);
    expect(one.sessions.find(session.id, owner)).toBeUndefined();
    await until(() => two.sessions.find(session.id, owner) === undefined, 'the end of the session', 2_000);
    expect(await three.sessions.find(session.id, owner)).toBeUndefined();
    expect(ended).toEqual([session.id]);
  });

  it('take their calls with them, wherever those run', async () => {
    const [one, two] = [process(), process()];
    const session = one.sessions.open(owner, FACTS);
    await two.sessions.find(session.id, owner);
    const calls = [{ cancel: jest.fn() }, { cancel: jest.fn() }] as const;
    one.sessions.track(session, 1, calls[0]);
    two.sessions.track(session, 2, calls[1]);
    await one.sessions.end(principal, session);
    await until(() => calls.every(({ cancel }) => cancel.mock.calls.length === 1), 'the end of both', 2_000);
  });

  it('share what their client wants to hear of the log', async () => {
    const [one, two, three] = [process(), process(), process()];
    const session = one.sessions.open(owner, FACTS);
    await two.sessions.find(session.id, owner);
    await one.sessions.setLogLevel(principal, session, 'error');
    await until(() => two.sessions.logLevelOf(session) === 'error', 'the level', 2_000);
    await three.sessions.find(session.id, owner);
    expect([one, two, three].map(({ sessions }) => sessions.logLevelOf(session))).toEqual(['error', 'error', 'error']);
    await three.sessions.setLogLevel(principal, session, 'debug');
    await until(() => one.sessions.logLevelOf(session) === 'debug', 'the new level', 2_000);
  });

  it('cancel a call where it runs, and no other', async () => {
    const [one, two] = [process(), process()];
    const session = one.sessions.open(owner, FACTS);
    const calls = [1, '1'].map((id) => {
      const cancel = jest.fn();
      one.sessions.track(session, id, { cancel });
      return cancel;
    });
    two.sessions.cancel(principal, session, '1');
    await until(() => calls[1]!.mock.calls.length > 0, 'the cancellation', 2_000);
    expect(calls.map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
  });

  it('go on while the store is away, and ask again when it is back', async () => {
    const [one, two] = [process(), process()];
    const session = one.sessions.open(owner, FACTS);
    await one.sessions.setLogLevel(principal, session, 'error');
    jest.spyOn(shared.store, 'list').mockRejectedValueOnce(new DatabaseUnavailableError('is away'));
    jest.useFakeTimers({ now: clock.time });
    try {
      expect(await two.sessions.find(session.id, owner)).toEqual(session);
      // At once: nobody waits for a store that was away a moment ago.
      expect(two.sessions.find(session.id, owner)).toEqual(session);
      jest.advanceTimersByTime(6_000);
      await two.sessions.find(session.id, owner);
      expect(two.sessions.logLevelOf(session)).toBe('error');
    } finally {
      jest.useRealTimers();
    }
  });

  it('ask on where the store is not away, but refuses what is asked for one of them', async () => {
    const [one, two] = [process(), process()];
    const [refused, other] = [one.sessions.open(owner, FACTS), one.sessions.open(owner, FACTS)];
    await one.sessions.setLogLevel(principal, other, 'error');
    jest.spyOn(shared.store, 'list').mockRejectedValueOnce(new Error('its tenant is gone'));
    expect(await two.sessions.find(refused.id, owner)).toEqual(refused);
    await two.sessions.find(other.id, owner);
    expect(two.sessions.logLevelOf(other)).toBe('error');
  });

  it('give back what 10,000 abandoned ones held, after their time', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const used = () => {
      for (let i = 0; i < 3; i++) collect();
      return globalThis.process.memoryUsage().heapUsed;
    };
    shared = await openSessionStore(clock, 'embedded');
    const { own, sessions } = process();
    const abandon = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const session = sessions.open(owner, FACTS);
        await sessions.setLogLevel(principal, session, 'error');
        const done = sessions.track(session, 1, { cancel: () => undefined });
        expect(sessions.find(session.id, owner)).toBeDefined();
        done();
      }
    };
    const pass = async () => {
      clock.time += 25 * 3_600_000;
      own.sweep();
      await shared.store.sweep(Infinity);
    };
    await abandon(500);
    await pass();
    const before = used();
    await abandon(10_000);
    expect(own.size).toBe(10_000);
    const held = used();
    await pass();
    expect([own.size, shared.store.size]).toEqual([0, 0]);
    const left = used();
    expect(left).toBeLessThan(before * 1.05);
    // Of what they held, for the process of the tests holds much else.
    expect(left - before).toBeLessThan((held - before) / 2);
  });
});
