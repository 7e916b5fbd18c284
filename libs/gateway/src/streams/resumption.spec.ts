import { EventEmitter } from 'node:events';
import { Clock, tenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { OpenExchanges } from '../mcp-endpoint/open-exchanges.js';
import type { ClientSession } from '../sessions/client-sessions.js';
import { type ResumedRequest, Resumption } from './resumption.js';
import type { StreamSource } from './stream-source.js';

const session: ClientSession = { id: 's', era: 'legacy', version: '2025-11-25', capabilities: [], endsAt: 1 };

describe('Resumption of streams of other processes', () => {
  let resumption: Resumption;
  let running: Set<string>;

  beforeEach(() => {
    running = new Set();
    let count = 0;
    const elsewhere = (_: unknown, __: unknown, { stream }: { stream: string }) => {
      const name = `${stream} ${++count}`;
      let stop: () => void = () => undefined;
      const stopped = new Promise<boolean>((resolve) => (stop = () => resolve(false)));
      running.add(name);
      return { stop: () => void (running.delete(name), stop()), run: () => stopped };
    };
    const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
    const source = { here: () => undefined, elsewhere } as unknown as StreamSource;
    resumption = new Resumption(source, new OpenExchanges(new Clock()), log);
  });

  /** Gives the status of what is answered at once. */
  function resume(stream: string, tenant = 'acme', answer = (_: number): void => undefined): number | undefined {
    let answered: number | undefined;
    const note = (status: number): void => answer((answered = status));
    const reply = { empty: note, error: note };
    const principal = principalOf('ann', { tenantId: tenantId(tenant) });
    const asked = { principal, request: {}, response: new EventEmitter(), reply } as unknown as ResumedRequest;
    resumption.resume(asked, session, { kind: 'call', stream, owner: 'other', after: 0 });
    return answered;
  }

  it('follows a stream for whoever came last, and for nobody else', async () => {
    for (let i = 0; i < 3; i++) resume('a');
    expect([...running]).toEqual(['a 3']);
    await new Promise((resolve) => setImmediate(resolve));
    resume('a');
    expect([...running]).toEqual(['a 4']);
  });

  it('has the client come back where the process stops, and not where nothing more comes', async () => {
    const statuses: number[] = [];
    resume('a', 'acme', (status) => statuses.push(status));
    resumption.beforeApplicationShutdown();
    await new Promise((resolve) => setImmediate(resolve));
    expect(statuses).toEqual([503]);
  });

  it('puts a tenant off that follows too many, and no other', () => {
    for (let i = 0; i < 200; i++) expect(resume(`s${i}`)).toBeUndefined();
    expect([resume('one more'), resume('s0'), resume('another', 'globex')]).toEqual([503, undefined, undefined]);
    resumption.beforeApplicationShutdown();
    expect(running.size).toBe(0);
  });
});
