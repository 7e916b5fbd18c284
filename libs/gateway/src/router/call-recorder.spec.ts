import { type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditBacklogError, AuditDelayedError, type AuditBatches, type AuditEvent, type AuditMode } from '#audit';
import { Clock, serverId } from '#kernel';
import { principalOf } from '#tenancy/testing';
import { HttpReply } from '../mcp-endpoint/http-reply.js';
import { CallRecorder } from './call-recorder.js';
import type { RecordedReply } from './recorded-reply.js';

const ada = principalOf('ada');
const TOOL = { kind: 'tool' as const, name: 'crm_find', server: serverId('crm') };

/** What reaches the trail, and when it may. */
class Batches {
  readonly recorded: AuditEvent[] = [];
  places = 0;
  isFull = false;
  fault: Error | undefined;
  open: () => void = () => undefined;
  private readonly gate = new Promise<void>((resolve) => (this.open = resolve));

  reserve(): void {
    if (this.isFull) throw new AuditBacklogError();
    this.places++;
  }
  recordReserved(_: unknown, event: AuditEvent): void {
    this.places--;
    this.recorded.push(event);
  }
  async recordReservedNow(tenant: unknown, event: AuditEvent): Promise<void> {
    await this.gate;
    this.recordReserved(tenant, event);
    if (this.fault) throw this.fault;
  }
}

describe('CallRecorder', () => {
  let batches: Batches;
  let mode: AuditMode | Promise<AuditMode>;
  let server: Server;
  let answered: (response: ServerResponse) => void;

  beforeEach(async () => {
    batches = new Batches();
    mode = 'batched';
    server = createServer((_, response) => answered(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const recorder = () =>
    new CallRecorder(batches as unknown as AuditBatches, { modeOf: () => mode } as never, new Clock());
  /** What a caller of the modern era gets from a call that `work` carries out. */
  const answerOf = async (work: (reply: RecordedReply) => void) => {
    answered = (response) => {
      const reply = new HttpReply(response, {
        era: 'modern',
        id: Buffer.from('1'),
        takesEvents: true,
        isToolCall: true,
      });
      work(recorder().begin({ principal: ada, reply }, TOOL));
    };
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return { status: answer.status, text: await answer.text() };
  };

  it('records who called what, how it ended and how long it took, and nothing that was said', async () => {
    const { text } = await answerOf((reply) => reply.result({ content: ['the secret'] }));
    expect(text).toContain('the secret');
    expect(batches.recorded).toEqual([
      {
        action: 'tool.called',
        outcome: 'done',
        at: expect.any(Number),
        actor: { kind: 'principal', id: 'ada', credential: 'key-of-ada' },
        target: 'tool:crm_find',
        detail: { server: 'crm', ms: expect.any(Number) },
      },
    ]);
    expect(batches.places).toBe(0);
  });

  const ends: Record<string, [AuditEvent['outcome'], (reply: RecordedReply) => void]> = {
    'a message': ['done', (reply) => reply.message([Buffer.from('{}')])],
    'a message on a stream': [
      'done',
      (reply) => {
        reply.openStream();
        reply.event([Buffer.from('{"progress":1}')]);
        reply.message([Buffer.from('{}')]);
      },
    ],
    'a stream that was passed on': [
      'done',
      (reply) => {
        reply.openStream();
        reply.piece(Buffer.from('data: {}\n\n'));
        reply.endStream();
      },
    ],
    'a stream that stopped in the middle': [
      'failed',
      (reply) => {
        reply.openStream();
        reply.piece(Buffer.from('data: {'));
        reply.endUnanswered();
      },
    ],
    'a failure of the member': ['failed', (reply) => reply.failed('it is away', 'COMPOSER_ANY')],
    'a protocol error': ['failed', (reply) => reply.protocolError(-32603, 'no')],
    'a refusal': ['refused', (reply) => reply.refuse((to) => to.protocolError(-32602, 'Unknown tool'))],
  };
  it.each(Object.keys(ends))('records the end once, and as what it was: %s', async (name) => {
    const [outcome, work] = ends[name]!;
    await answerOf((reply) => {
      work(reply);
      reply.failed('too late', 'COMPOSER_ANY');
      reply.noteCancelled();
    });
    expect(batches.recorded.map((event) => event.outcome)).toEqual([outcome]);
  });

  it('records a call that its caller has cancelled', async () => {
    await answerOf((reply) => {
      reply.noteCancelled();
      reply.endUnanswered();
    });
    expect(batches.recorded).toMatchObject([{ outcome: 'failed', detail: { reason: 'cancelled' } }]);
  });

  it('makes no call that it could not record', async () => {
    batches.isFull = true;
    const reply = {} as HttpReply;
    expect(() => recorder().begin({ principal: ada, reply }, TOOL)).toThrow(AuditBacklogError);
  });

  describe.each<[string, () => AuditMode | Promise<AuditMode>]>([
    ['a strict tenant', () => 'strict'],
    ['a tenant that turns out to be strict', () => Promise.resolve('strict' as const)],
    ['a tenant whose mode cannot be found out', async () => Promise.reject(new Error('away'))],
  ])('for %s', (_, given) => {
    beforeEach(() => {
      mode = given();
    });

    it.each(Object.keys(ends))('gives the answer only when it is recorded: %s', async (name) => {
      const [outcome, work] = ends[name]!;
      let isAnswered = false;
      const answer = answerOf(work).finally(() => (isAnswered = true));
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect([isAnswered, batches.recorded]).toEqual([false, []]);
      batches.open();
      await answer;
      expect(batches.recorded).toMatchObject([{ outcome }]);
    });

    it('withholds an answer that could not be recorded, and says so', async () => {
      batches.fault = new AuditDelayedError(new Error('the database is away'));
      batches.open();
      const { status, text } = await answerOf((reply) => reply.result({ content: ['the answer'] }));
      expect(status).toBe(503);
      expect(JSON.parse(text)).toMatchObject({ id: 1, error: { data: { code: 'COMPOSER_AUDIT_DELAYED' } } });
      expect(text).not.toContain('the answer');
    });

    it('lets progress through meanwhile, but no bytes that nobody has looked at', async () => {
      batches.open();
      await answerOf((reply) => {
        expect([reply.takesEvents, reply.takesPieces]).toEqual([true, false]);
        reply.result({});
      });
    });
  });

  it('does not wait for a tenant that turns out to be batched longer than it takes to find that out', async () => {
    mode = Promise.resolve('batched' as const);
    await answerOf((reply) => reply.result({}));
    expect(batches.recorded).toHaveLength(1);
  });
});
