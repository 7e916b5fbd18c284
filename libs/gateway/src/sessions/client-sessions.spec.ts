import { randomBytes } from 'node:crypto';
import { Clock, tenantId } from '#kernel';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ClientSessions } from './client-sessions.js';
import { SessionSeal } from './session-seal.js';

const DAY_MS = 24 * 3_600_000;
const principal = (tenant: string, id: string, slug = '') => ({
  principal: principalOf(id, { tenantId: tenantId(tenant), roles: ['caller'] }),
  slug,
});
const ann = principal('acme', 'ann');
const OLD = { version: '2025-06-18', capabilities: [] };

class SetClock extends Clock {
  time = 5 * DAY_MS;
  override now(): number {
    return this.time;
  }
}

/** A seal that any process with the same memory opens. */
class MemorySeal extends SessionSeal {
  readonly sealed = new Map<string, string>();
  opened = 0;

  override seal(content: string): string {
    const id = randomBytes(24).toString('base64url');
    this.sealed.set(id, content);
    return id;
  }
  override open(sealed: string): string | undefined {
    this.opened++;
    return this.sealed.get(sealed);
  }
}

describe('ClientSessions', () => {
  let clock: SetClock;
  let seal: MemorySeal;
  let sessions: ClientSessions;

  beforeEach(() => {
    clock = new SetClock();
    seal = new MemorySeal();
    sessions = new ClientSessions(seal, clock);
  });

  it('remembers what the client has declared, and of older sessions only whether it can be sent to a page', () => {
    const { id } = sessions.open(ann, { version: '2025-11-25', capabilities: ['roots', 'sampling'] });
    expect(sessions.find(id, ann)).toEqual({
      id,
      era: 'legacy',
      version: '2025-11-25',
      capabilities: ['roots', 'sampling'],
      endsAt: 6 * DAY_MS,
    });
    const { c: _, ...before } = JSON.parse(seal.sealed.get(id)!) as Record<string, unknown>;
    const older = (more: object) => sessions.find(seal.seal(JSON.stringify({ ...before, ...more })), ann)?.capabilities;
    expect([older({}), older({ u: false }), older({ u: true })]).toEqual([[], [], ['elicitation.url']]);
  });

  it('remembers what a client wants to hear of the log, until its session ends', () => {
    const session = sessions.open(ann, OLD);
    expect(sessions.logLevelOf(session)).toBeUndefined();
    sessions.setLogLevel(session, 'error');
    expect([sessions.logLevelOf(session), sessions.logLevelOf(sessions.open(ann, OLD))]).toEqual(['error', undefined]);
    sessions.end(session);
    expect(sessions.logLevelOf(session)).toBeUndefined();
  });

  it('finds the session of the principal that opened it, with its version', () => {
    const { id } = sessions.open(ann, OLD);
    expect(sessions.find(id, ann)).toEqual({ id, era: 'legacy', ...OLD, endsAt: 6 * DAY_MS });
  });

  it('gives every session an id of its own', () => {
    expect(sessions.open(ann, OLD).id).not.toBe(sessions.open(ann, OLD).id);
    expect(new Set(seal.sealed.values()).size).toBe(2);
  });

  it('is found by another process with the same keys', () => {
    const { id } = sessions.open(ann, OLD);
    expect(new ClientSessions(seal, clock).find(id, ann)).toEqual({ id, era: 'legacy', ...OLD, endsAt: 6 * DAY_MS });
  });

  it.each([
    ['another principal of the tenant', principal('acme', 'bob')],
    ['a principal of the same name in another tenant', principal('globex', 'ann')],
    ['its owner at another address', principal('acme', 'ann', 'desk')],
  ])('is worth nothing to %s, also after its owner has used it', (_, stranger) => {
    const { id } = sessions.open(ann, OLD);
    expect(sessions.find(id, stranger)).toBeUndefined();
    sessions.find(id, ann);
    expect(sessions.find(id, stranger)).toBeUndefined();
  });

  it('finds nothing for ids that were altered or made up, or sealed for something else', () => {
    const { id } = sessions.open(ann, OLD);
    for (const other of ['', 'x', `${id}x`, id.slice(1), id.toUpperCase()]) {
      expect(sessions.find(other, ann)).toBeUndefined();
    }
    const foreign = seal.seal(JSON.stringify({ t: 'acme', p: 'ann' }));
    expect(sessions.find(foreign, ann)).toBeUndefined();
  });

  it('is of the tenant’s own address if it is older than other ones', () => {
    const { id } = sessions.open(ann, OLD);
    const { s: _, ...facts } = JSON.parse(seal.sealed.get(id)!) as Record<string, unknown>;
    const old = seal.seal(JSON.stringify(facts));
    expect(sessions.find(old, ann)).toEqual({ id: old, era: 'legacy', ...OLD, endsAt: 6 * DAY_MS });
    expect(sessions.find(old, principal('acme', 'ann', 'desk'))).toBeUndefined();
  });

  it('lasts a day, however often it is used', () => {
    const { id } = sessions.open(ann, OLD);
    clock.time += DAY_MS;
    expect(sessions.find(id, ann)).toBeDefined();
    clock.time += 1;
    expect(sessions.find(id, ann)).toBeUndefined();
    expect(new ClientSessions(seal, clock).find(id, ann)).toBeUndefined();
  });

  it('is not found once it was ended, and ends no other', () => {
    const [first, second] = [sessions.open(ann, OLD), sessions.open(ann, OLD)];
    sessions.find(first.id, ann);
    sessions.end(first);
    expect(sessions.find(first.id, ann)).toBeUndefined();
    expect(sessions.find(second.id, ann)).toBeDefined();
  });

  it('remembers ended sessions until they would have expired, and no longer than it must', () => {
    const first = sessions.open(ann, OLD);
    sessions.end(first);
    clock.time += DAY_MS - 1;
    sessions.end(sessions.open(ann, OLD));
    expect(sessions.find(first.id, ann)).toBeUndefined();
    clock.time += 2;
    sessions.end(sessions.open(ann, OLD));
    expect(sessions.find(first.id, ann)).toBeUndefined();
  });

  it('opens an id once for the requests that name it', () => {
    const { id } = sessions.open(ann, OLD);
    const another = new ClientSessions(seal, clock);
    for (let i = 0; i < 10; i++) another.find(id, ann);
    expect(seal.opened).toBe(1);
  });

  describe('cancels', () => {
    const running = () => ({ cancel: jest.fn() });

    it('the call that the id names, once', () => {
      const session = sessions.open(ann, OLD);
      const [one, other] = [running(), running()];
      sessions.track(session, 1, one);
      sessions.track(session, 2, other);
      sessions.cancel(session, 1);
      sessions.cancel(session, 1);
      expect(one.cancel).toHaveBeenCalledTimes(1);
      expect(other.cancel).not.toHaveBeenCalled();
    });

    it('no call of another session, and none whose id is of another type', () => {
      const session = sessions.open(ann, OLD);
      const call = running();
      sessions.track(session, 1, call);
      sessions.cancel(session, '1');
      sessions.cancel(sessions.open(ann, OLD), 1);
      expect(call.cancel).not.toHaveBeenCalled();
    });

    it('every call of a session that is over, and none of another', () => {
      const session = sessions.open(ann, OLD);
      const [one, other, foreign] = [running(), running(), running()];
      sessions.track(session, 1, one);
      const forget = sessions.track(session, '1', other);
      sessions.track(sessions.open(ann, OLD), 1, foreign);
      const before = sessions.size;
      sessions.cancelAll(session);
      sessions.cancelAll(session);
      forget();
      expect([one, other].map(({ cancel }) => cancel.mock.calls.length)).toEqual([1, 1]);
      expect(foreign.cancel).not.toHaveBeenCalled();
      expect(sessions.size).toBe(before - 2);
    });

    it('nothing that was answered, though the id was used again', () => {
      const session = sessions.open(ann, OLD);
      const [first, second] = [running(), running()];
      const forgetFirst = sessions.track(session, 1, first);
      const forgetSecond = sessions.track(session, 1, second);
      forgetFirst();
      sessions.cancel(session, 1);
      expect(first.cancel).not.toHaveBeenCalled();
      expect(second.cancel).toHaveBeenCalledTimes(1);
      forgetSecond();
      sessions.cancel(session, 1);
      expect(second.cancel).toHaveBeenCalledTimes(1);
    });
  });
});
