import { principalId } from '#kernel';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { clientOf } from '../../testing/client-of.js';
import { RecordingReply } from '../../testing/recording-reply.js';
import { parseMessage } from '../json-rpc/json-rpc-message.js';
import type { MemberRequest } from '../member.js';
import { readMemberMessage } from './member-message.js';
import { TaskFollowing } from './task-following.js';

describe('TaskFollowing', () => {
  let reply: RecordingReply;
  let waits: { readonly ms: number; readonly pass: () => void }[];
  let sent: MemberRequest[];
  let asked: { readonly update: MemberRequest; readonly wanted: object }[];
  let abandoned: MemberRequest[];
  let failure: string | undefined;
  let following: TaskFollowing;

  const raw = (message: string) => readMemberMessage(Buffer.from(message));
  const answer = (result: object) => raw(JSON.stringify({ jsonrpc: '2.0', id: 'x', result }));
  const bodyOf = ({ message }: MemberRequest) => JSON.parse(message.raw.toString());

  beforeEach(() => {
    [reply, waits, sent, asked, abandoned, failure] = [new RecordingReply(), [], [], [], [], undefined];
    const text = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a_b","_meta":{"progressToken":"p"}}}';
    following = new TaskFollowing({
      call: {
        method: 'tools/call',
        target: 'b',
        message: parseMessage(Buffer.from(text)),
        client: clientOf('legacy', 'extensions.tasks'),
        headers: {},
        principalId: principalId('p'),
      },
      reply,
      deadlines: {
        add: (ms, pass) => {
          waits.push({ ms, pass });
          return () => waits.pop();
        },
      },
      send: (request) => sent.push(request),
      ask: (update, wanted) => asked.push({ update, wanted }),
      finish: (give) => give(),
      fail: (error) => (failure = error.message),
      abandon: (cancel) => abandoned.push(cancel),
    });
  });

  const begin = (more: object = {}) => following.begin(answer({ resultType: 'task', taskId: 't-1', ...more }));

  it('asks how the task stands, as often as the member suggests, with the credential of its tool', () => {
    begin({ pollIntervalMs: 2_500 });
    expect(waits.map(({ ms }) => ms)).toEqual([2_500]);
    waits[0]!.pass();
    expect(sent[0]).toMatchObject({ method: 'tasks/get', target: 't-1', tool: 'b' });
    expect(bodyOf(sent[0]!)).toMatchObject({ method: 'tasks/get', params: { taskId: 't-1' } });
    for (const pollIntervalMs of [undefined, 1, 3_600_000, -1])
      following.answered(answer({ status: 'working', pollIntervalMs }));
    expect(waits.slice(1).map(({ ms }) => ms)).toEqual([1_000, 100, 30_000, 1_000]);
  });

  it('gives the result byte for byte as that of the call', () => {
    begin();
    following.answered(
      raw('{"jsonrpc":"2.0","id":"x","result":{"status":"completed","result":{ "content" : [] , "n":1.50}}}'),
    );
    expect(reply.raw).toBe('{"jsonrpc":"2.0","id":"caller-1","result":{ "content" : [] , "n":1.50}}');
    following.stop();
    expect(abandoned).toEqual([]);
  });

  it('gives the error of a task that has failed, and that of a member that does not know it any more', () => {
    begin();
    following.answered(answer({ status: 'failed', error: { code: -32603, message: 'broke' } }));
    expect(JSON.parse(reply.raw)).toEqual({
      jsonrpc: '2.0',
      id: 'caller-1',
      error: { code: -32603, message: 'broke' },
    });
  });

  it('has the caller asked for what is open, once', () => {
    begin();
    const one = { method: 'elicitation/create', params: {} };
    following.answered(answer({ status: 'input_required', inputRequests: { one } }));
    expect(asked[0]).toMatchObject({ update: { method: 'tasks/update', target: 't-1' }, wanted: { one } });
    following.answered(answer({ resultType: 'complete' }));
    following.answered(answer({ status: 'input_required', inputRequests: { one, two: one } }));
    expect(asked.map(({ wanted }) => Object.keys(wanted))).toEqual([['one'], ['two']]);
    const before = waits.length;
    following.answered(answer({ status: 'input_required', inputRequests: { one } }));
    expect([asked.length, waits.length]).toEqual([2, before + 1]);
  });

  it('tells what the task says of itself as progress, as often as it changes', () => {
    begin({ statusMessage: 'half' });
    for (const statusMessage of ['half', 'all but done', undefined])
      following.answered(answer({ status: 'working', statusMessage }));
    const told = reply.events.filter((event) => event !== 'open').map((event) => JSON.parse(event).params);
    expect(told).toEqual([
      { progressToken: 'p', progress: 1, message: 'half' },
      { progressToken: 'p', progress: 2, message: 'all but done' },
    ]);
  });

  it.each([
    [{ status: 'cancelled' }, 'cancelled the task'],
    [{ status: 'asleep' }, 'not known'],
    [{ status: 'completed' }, 'without result'],
    [{ status: 'completed', result: 'text' }, 'without result'],
    [{ status: 'failed' }, 'without error'],
  ])('fails for %j', (result, why) => {
    begin();
    following.answered(answer(result));
    expect(failure).toContain(why);
  });

  it.each([{ taskId: '' }, { taskId: 7 }, { taskId: 'x'.repeat(1_025) }])('takes no task of %j', (more) => {
    begin(more);
    expect([failure, waits]).toEqual([expect.stringContaining('cannot be asked for'), []]);
    following.stop();
    expect(abandoned).toEqual([]);
  });

  it('has the member told when nobody waits any more, and asks nothing after that', () => {
    begin();
    following.stop();
    following.stop();
    expect(abandoned.map(bodyOf)).toMatchObject([{ method: 'tasks/cancel', params: { taskId: 't-1' } }]);
    following.answered(answer({ status: 'working' }));
    expect(waits).toEqual([]);
  });
});
