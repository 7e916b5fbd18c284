import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { faultOf } from '../mcp/handshake.js';
import type { MemberMessage } from '../mcp/member-message.js';
import { WatchedResources } from '../mcp/watched-resources.js';
import { StdioStream, type StdioStreamParts } from './stdio-stream.js';

const large = 'x'.repeat(300 * 1024);

describe('StdioStream', () => {
  const process = {
    listen: jest.fn(),
    send: () => true,
    stop: async () => undefined,
    kill: jest.fn(),
    isHeldBack: false,
  };
  const log = { warn: jest.fn(), error: jest.fn(), mask: (text: string) => text };
  const onOver = jest.fn();
  let onOther: (message: MemberMessage) => void;
  let stream: StdioStream;
  const say = (text: string) => stream.output(Buffer.from(`${text}\n`));

  beforeEach(() => {
    jest.clearAllMocks();
    const watched = new WatchedResources({ begin: async () => undefined, end: () => undefined });
    onOther = (message) => watched.hear(message);
    const parts = { process, log, onOver, onOther: (message: MemberMessage) => onOther(message) };
    stream = new StdioStream(parts as unknown as StdioStreamParts);
  });

  it.each([
    [
      'an update without a URI',
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":{"toString":1}}}',
    ],
    ['a request whose params are none', '{"jsonrpc":"2.0","id":1,"method":"notifications/progress","params":{]}'],
    ['large progress that is none', `{"jsonrpc":"2.0","method":"notifications/progress","x":"${large}","params":{]}`],
  ])('goes on after %s', (_, text) => {
    expect(() => say(text)).not.toThrow();
    expect(onOver).not.toHaveBeenCalled();
  });

  it.each([
    ['is not UTF-8', Buffer.from([0xff]), 'not valid UTF-8'],
    ['nests too deep', Buffer.from('['.repeat(500_000) + ']'.repeat(500_000)), 'nests deeper'],
    ['is not JSON', Buffer.from('[1,,2]'), 'not valid JSON'],
  ])('tells whose answer it is at once that it %s, and nobody else', (_, value, told) => {
    const [asked, other] = [1, 2].map((id) => {
      const waiter = { answer: jest.fn(), progress: jest.fn(), lost: jest.fn() };
      stream.expect(id, waiter);
      return waiter;
    });
    const answer = (end: string) =>
      stream.output(
        Buffer.concat([Buffer.from('{"jsonrpc":"2.0","result":{"said":'), value, Buffer.from(`},${end}}\n`)]),
      );
    answer('"method":"ping","id":2');
    answer('"id":"2"');
    expect(other!.lost).not.toHaveBeenCalled();
    answer('"id":1');
    answer('"id":1');
    const error = expect.objectContaining({ code: 'COMPOSER_MEMBER_PROTOCOL', message: expect.stringContaining(told) });
    expect(asked!.lost.mock.calls).toEqual([[error]]);
    expect(other!.lost).not.toHaveBeenCalled();
  });

  it('is stuck while a line does not come to its end', () => {
    const now = jest.spyOn(performance, 'now');
    const after = (ms: number, text: string) => {
      now.mockReturnValue(ms);
      stream.output(Buffer.from(text));
      return stream.isStuck;
    };
    expect([
      after(0, '{'),
      after(400, ' '),
      after(600, ' '),
      after(700, '}\n{'),
      after(1_300, ''),
      after(1_400, '}\n'),
    ]).toEqual([false, false, true, false, true, false]);
    now.mockRestore();
  });

  it('ends the process of a member whose words cannot be handled, and nothing else', () => {
    const waiter = { answer: jest.fn(), progress: jest.fn(), lost: jest.fn() };
    stream.expect(1, waiter);
    onOther = () => {
      throw new TypeError('no');
    };
    expect(() => say('{"jsonrpc":"2.0","method":"notifications/message"}')).not.toThrow();
    expect(process.kill).toHaveBeenCalledTimes(1);
    expect(waiter.lost).toHaveBeenCalledTimes(1);
    expect(log.error).toHaveBeenCalledTimes(1);
  });

  it('can tell of every error of a member', () => {
    const error = { code: { toString: 1 }, message: { toString: 1 } };
    expect(faultOf('ping', error, log as never).message).toContain('toString');
  });
});
