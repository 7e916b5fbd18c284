import type { IncomingMessage } from 'node:http';
import type { RunningCall } from '#builder';
import { Clock } from '#kernel';
import { principalOf } from '#tenancy/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ToldAdmission } from '../../testing/told-admission.js';
import { ToldResponse } from '../../testing/told-response.js';
import { AccessEndedError } from '../gateway.errors.js';
import { HttpReply } from '../mcp-endpoint/http-reply.js';
import { OpenExchanges } from '../mcp-endpoint/open-exchanges.js';
import { OpenCall } from './open-call.js';
import { RecordedReply } from './recorded-reply.js';

describe('OpenCall', () => {
  let admission: ToldAdmission;
  let exchanges: OpenExchanges;
  let faults: unknown[];
  let isAllowed: boolean;

  beforeEach(() => {
    admission = new ToldAdmission();
    exchanges = new OpenExchanges(new Clock());
    faults = [];
    isAllowed = true;
  });

  const settle = () => new Promise((resolve) => setImmediate(resolve));

  function open(begins?: (reply: RecordedReply) => RunningCall | undefined) {
    const response = new ToldResponse();
    const reply = new HttpReply(response.asServerResponse, {
      era: 'legacy',
      id: Buffer.from('1'),
      takesEvents: true,
    });
    const seen = { begun: 0, cancelled: 0, waited: false, ends: [] as string[] };
    const noteEnd = (outcome: string, reason = '') => void seen.ends.push(`${outcome} ${reason}`.trim());
    const recorded = new RecordedReply(reply, { noteEnd, mayWait: false });
    const running = { cancel: () => void seen.cancelled++, breakOff: () => undefined };
    const call = new OpenCall(
      { principal: principalOf('ann'), request: {} as IncomingMessage, reply },
      {
        admission,
        exchanges,
        recorded,
        begin: (_principal, hasWaited) => {
          seen.begun++;
          seen.waited = hasWaited;
          return begins ? begins(recorded) : running;
        },
        isOpenTo: () => isAllowed,
        onFault: (error) => {
          faults.push(error);
          recorded.protocolError(-32603, 'internal');
        },
      },
    );
    call.start();
    return { call, reply: recorded, response, seen };
  }

  it('begins at once where there is room, and gives its place back with the answer', () => {
    const { reply, seen } = open();
    expect([seen.begun, seen.waited, admission.inUse, exchanges.size]).toEqual([1, false, 1, 1]);
    reply.result({});
    expect([admission.inUse, exchanges.size, seen.ends]).toEqual([0, 0, ['done']]);
  });

  it('gives it back when the member has answered at once', () => {
    open((reply) => {
      reply.failed('busy', 'COMPOSER_ANY');
      return undefined;
    });
    expect([admission.inUse, exchanges.size]).toEqual([0, 0]);
  });

  it('gives it back once when it is cancelled, and tells the member', () => {
    const { call, reply, seen } = open();
    call.cancel();
    call.cancel();
    reply.endUnanswered();
    expect([seen.cancelled, admission.inUse, exchanges.size]).toEqual([1, 0, 0]);
  });

  it('gives it back when the member could not be called at all', () => {
    const { response } = open(() => {
      throw new Error('a bug');
    });
    expect([faults.length, admission.inUse, exchanges.size]).toEqual([1, 0, 0]);
    expect(response.body).toContain('internal');
  });

  it('answers 429 and when to come back where not even the line has room', () => {
    for (let i = 0; i < 4; i++) open();
    const { response, seen } = open();
    expect(response.status).toBe(429);
    expect(response.headers.join(' ')).toContain('retry-after 2');
    expect(JSON.parse(response.body)).toMatchObject({ id: 1, error: { data: { code: 'COMPOSER_RATE_LIMITED' } } });
    expect([seen.begun, exchanges.size, seen.ends]).toEqual([0, 4, ['refused']]);
  });

  it('waits for its turn, and answers 429 when that does not come', async () => {
    const working = [open(), open()];
    const [first, second] = [open(), open()];
    expect(first.seen.begun).toBe(0);
    working[0]!.reply.result({});
    admission.line[0]!.admit();
    admission.line[0]!.refuse();
    await settle();
    expect([first.seen.begun, first.seen.waited, admission.inUse]).toEqual([1, true, 2]);
    expect([second.seen.begun, second.response.status]).toEqual([0, 429]);
  });

  it.each<[string, (one: ReturnType<typeof open>) => void]>([
    ['its caller goes away', ({ response }) => response.emit('close')],
    ['it is cancelled', ({ call }) => call.cancel()],
    ['it is revoked', ({ call }) => call.end(new AccessEndedError())],
  ])('leaves the line when %s', async (_, leave) => {
    const [, , waiting] = [open(), open(), open()];
    leave(waiting);
    await settle();
    expect([admission.line.length, waiting.seen.begun, admission.inUse, exchanges.size]).toEqual([0, 0, 2, 2]);
  });

  it('takes no place that comes when nobody wants it any more', async () => {
    const [one, , waiting] = [open(), open(), open()];
    one.reply.result({});
    admission.line[0]!.admit(); // and before this is heard of:
    waiting.call.cancel();
    await settle();
    expect([waiting.seen.begun, admission.inUse]).toEqual([0, 1]);
  });

  it('ends with an error when its principal may call no more, and the member is told', () => {
    const { response, seen } = open();
    exchanges.end(() => true);
    expect([seen.cancelled, response.status, admission.inUse]).toEqual([1, 403, 0]);
    expect(seen.ends).toEqual(['failed access ended']);
    expect(JSON.parse(response.body)).toMatchObject({ id: 1, error: { data: { code: 'COMPOSER_ACCESS_ENDED' } } });
  });

  it('ends an open stream with that error as its last event, and one that is passed on without a word', () => {
    const [told, passed] = [open(), open()];
    told.reply.openStream();
    passed.reply.openStream();
    passed.reply.piece(Buffer.from('data: {"half'));
    exchanges.end(() => true);
    expect(told.response.body).toMatch(/^event: message\ndata: .*COMPOSER_ACCESS_ENDED.*\n\n$/);
    expect(passed.response.body).toBe('data: {"half');
    expect([told, passed].every(({ response }) => response.writableFinished)).toBe(true);
  });

  it('gives every place back, whatever happens in whatever order', async () => {
    const step = fc.record({
      do: fc.constantFrom('open', 'answer', 'cancel', 'revoke', 'leave', 'admit', 'refuse', 'settle'),
      of: fc.nat(20),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        admission = new ToldAdmission();
        exchanges = new OpenExchanges(new Clock());
        const calls: ReturnType<typeof open>[] = [];
        for (const { do: what, of } of steps) {
          if (what === 'open') calls.push(open());
          const one = calls[of % (calls.length || 1)];
          const waiter = admission.line[of % (admission.line.length || 1)];
          if (what === 'answer' && one?.seen.begun) one.reply.result({});
          if (what === 'cancel') one?.call.cancel();
          if (what === 'revoke') one?.call.end(new AccessEndedError());
          if (what === 'leave') one?.response.emit('close');
          if (what === 'admit') waiter?.admit();
          if (what === 'refuse') waiter?.refuse();
          if (what === 'settle') await settle();
        }
        await settle();
        for (const { call, reply, seen } of calls) {
          if (seen.begun) reply.result({});
          else call.cancel();
        }
        await settle();
        expect([admission.inUse, admission.line.length, exchanges.size]).toEqual([0, 0, 0]);
        expect(calls.every(({ seen }) => seen.begun <= 1 && seen.cancelled <= 1)).toBe(true);
        expect(calls.map(({ seen }) => seen.ends.length)).toEqual(calls.map(() => 1));
      }),
      { numRuns: 300 },
    );
  });
});
