import { describe, expect, it } from '@jest/globals';
import { MemberProtocolError } from '../builder.errors.js';
import { isSessionLost, readMemberMessage } from './member-message.js';

const read = (text: string | Buffer) => readMemberMessage(Buffer.from(text));

describe('readMemberMessage', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":1,"result":{"method":"x"}}', 'response'],
    ['{"jsonrpc":"2.0","id":1,"error":{}}', 'response'],
    [' {"jsonrpc":"2.0","id":"a","method":"ping"}\n', 'request'],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', 'request'],
    ['{"jsonrpc":"2.0","id":nope,"method":"ping"}', 'request'],
    ['{"jsonrpc":"2.0","method":"notifications/message"}', 'notification'],
  ])('knows what %s is', (text, kind) => {
    expect(read(text).kind).toBe(kind);
  });

  const large = 'x'.repeat(300 * 1024);
  it.each([
    ['nothing', ''],
    ['no JSON', '{"jsonrpc":"2.0","id":1,"result":{"a":nope}}'],
    ['half of a message', '{"jsonrpc":"2.0","id":1,"result":{'],
    ['more than one message', '{"jsonrpc":"2.0","id":1,"result":{}}{}'],
    ['a list', '[{"jsonrpc":"2.0","id":1,"result":{}}]'],
    ['no version', '{"id":1,"result":{}}'],
    ['another version', '{"jsonrpc":"1.0","id":1,"result":{}}'],
    ['neither result nor error', '{"jsonrpc":"2.0","id":1}'],
    ['both result and error', '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}'],
    ['a result that is no object', '{"jsonrpc":"2.0","id":1,"result":[]}'],
    ['an error that is no object', '{"jsonrpc":"2.0","id":1,"error":"no"}'],
    ['an id that stands twice', '{"jsonrpc":"2.0","id":1,"id":2,"result":{}}'],
    ['a result that stands twice under two spellings', '{"jsonrpc":"2.0","id":1,"result":{},"r\\u0065sult":{}}'],
    ['a large message with an id that stands twice', `{"jsonrpc":"2.0","id":1,"id":1,"result":{"a":"${large}"}}`],
    ['a large message with a result that has no end', `{"jsonrpc":"2.0","id":1,"x":"${large}","result":{]}`],
    ['a large message with params that are none', `{"jsonrpc":"2.0","method":"a","x":"${large}","params":{nope}}`],
    ['bytes that are not UTF-8', Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}', 'latin1')],
    ['endless nesting', `{"jsonrpc":"2.0","id":1,"result":{"a":${'['.repeat(100_000)}`],
  ])('refuses %s', (_, text) => {
    expect(() => read(text)).toThrow(MemberProtocolError);
  });
});

describe('isSessionLost', () => {
  const error = (more: object) => ({ jsonrpc: '2.0', error: { code: -32000, message: 'no session' }, ...more });
  it.each([
    [404, undefined, true],
    [400, error({}), true],
    [400, error({ id: null }), true],
    [400, error({ id: 7 }), false],
    [400, error({ error: { code: -32602 } }), false],
    [400, undefined, false],
    [200, error({}), false],
  ])('takes HTTP %s with %j as %s', (status, message, isLost) => {
    expect(isSessionLost(status, message)).toBe(isLost);
  });
});
