import type { MemberReply } from '#builder';
import { describe, expect, it } from '@jest/globals';
import { AliasedReply } from './aliased-reply.js';

const ALIAS = { own: 'a://b', offered: 'mcp+crm:a://b' };

function given(...parts: readonly string[]): string {
  let told = '';
  const reply = {
    id: Buffer.from('1'),
    takesEvents: true,
    takesPieces: true,
    message: (buffers: readonly Buffer[]) => (told = Buffer.concat(buffers).toString()),
  } as unknown as MemberReply;
  const aliased = new AliasedReply(reply, ALIAS);
  expect(aliased.takesPieces).toBe(false);
  aliased.message(parts.map((part) => Buffer.from(part)));
  return told;
}

describe('AliasedReply', () => {
  it('puts the alias where the member says what was read, and changes no other byte', () => {
    const text = (uri: string) =>
      `{"jsonrpc":"2.0","id":1, "result":{"contents":[ {"text":"a://b","uri": ${uri},"x":1.50},{"uri":"a://c"} ],"uri":"a://b"}}`;
    expect(given(text('"a:\\/\\/b"').slice(0, 30), text('"a:\\/\\/b"').slice(30))).toBe(text('"mcp+crm:a://b"'));
  });

  it('says in an error that it is the alias which is not there', () => {
    const text = (uri: string) =>
      `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"uri":"${uri}"}}}`;
    expect(given(text('a://b'))).toBe(text('mcp+crm:a://b'));
  });

  it.each([
    ['{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['{"jsonrpc":"2.0","id":1,"result":{"contents":{}}}'],
    ['{"jsonrpc":"2.0","id":1,"result":{"contents":[7,"a://b",{"uri":7}]}}'],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"a://b","data":"a://b"}}'],
    ['no JSON'],
  ])('gives %s as it came', (text) => {
    expect(given(text)).toBe(text);
  });
});
