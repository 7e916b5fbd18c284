import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeHeader, encodeHeader } from './mcp-protocol.js';

describe('encodeHeader and decodeHeader', () => {
  it('carry every text through a header, as printable ASCII', () => {
    const text = fc.string({ unit: 'grapheme-composite' });
    fc.assert(
      fc.property(text, (value) => {
        const header = encodeHeader(value);
        expect(header).toMatch(/^[\t\x20-\x7e]+$/);
        expect(decodeHeader(header)).toBe(value);
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['echo', 'a b', 'x/y.z:"q"'])('leave %s readable', (name) => {
    expect(encodeHeader(name)).toBe(name);
  });

  it.each([' a', 'a ', 'é', '', 'a\nb', '=?base64?YQ==?='])('encode %j, which would not arrive as it is', (name) => {
    expect(encodeHeader(name)).toMatch(/^=\?base64\?.*\?=$/);
    expect(decodeHeader(encodeHeader(name))).toBe(name);
  });

  it('read no header as none, and blanks around a value as nothing', () => {
    expect(decodeHeader(undefined)).toBeUndefined();
    expect(decodeHeader('  echo ')).toBe('echo');
  });

  it.each(['=?base64?YQ?=', '=?base64?Y Q==?=', '=?base64?!!?=', '=?base64?/w==?='])('read %s as nothing', (value) => {
    expect(decodeHeader(value)).toBeUndefined();
  });
});
