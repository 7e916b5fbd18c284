import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseMessage } from './json-rpc-message.js';
import { withoutParams } from './message-without.js';

const parse = (text: string) => parseMessage(Buffer.from(text));
const without = (text: string, ...names: string[]): string => withoutParams(parse(text), new Set(names)).raw.toString();

describe('withoutParams', () => {
  it('takes parameters out wherever they stand, and changes no other value', () => {
    const text = (params: string) => `{"jsonrpc":"2.0", "id":7,"method":"tools/call","params":${params}, "x":1}`;
    expect(without(text('{"a":1e400, "b":[1, 2],"c":{"a":"\\u0061"} }'), 'b')).toBe(
      text('{"a":1e400,"c":{"a":"\\u0061"}}'),
    );
    expect(without(text('{ "a":1 , "b":2}'), 'a')).toBe(text('{"b":2}'));
    expect(without(text('{"a":1,"b":2}'), 'b', 'a')).toBe(text('{}'));
    expect(without(text('{"\\u0061":1,"b":12345678901234567890}'), 'a')).toBe(text('{"b":12345678901234567890}'));
  });

  it('says what the message says without them, whatever they are', () => {
    const params = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4 }));
    fc.assert(
      fc.property(params, fc.boolean(), fc.func(fc.boolean()), (value, pretty, isWanted) => {
        const text = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'm', params: value }, null, pretty ? 2 : 0);
        const names = Object.keys(value).filter((name) => isWanted(name));
        const rest = Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
        expect(JSON.stringify(JSON.parse(without(text, ...names)).params)).toBe(
          JSON.stringify(JSON.parse(JSON.stringify(rest))),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('leaves a message without parameters as it is', () => {
    const text = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    expect(without(text, 'a')).toBe(text);
  });
});
