import { describe, expect, it } from '@jest/globals';
import { LineReader } from './line-reader.js';
import { LineTooLongError, MAX_LINE_BYTES } from './stdio.errors.js';

describe('LineReader', () => {
  const text = '{"a":"é"}\n\r\n{"b":1}\r\nrest';

  it.each([1, 2, 3, 7, 100])('gives the same lines whatever the pieces are: %s bytes', (size) => {
    const reader = new LineReader();
    const bytes = Buffer.from(text);
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      lines.push(...reader.push(bytes.subarray(at, at + size)).map((line) => line.toString()));
    }
    expect(lines).toEqual(['{"a":"é"}', '{"b":1}\r']);
    expect(reader.push(Buffer.from('\n')).map((line) => line.toString())).toEqual(['rest']);
  });

  it('takes a line as long as it may be, and none that is longer, ended or not', () => {
    const most = Buffer.alloc(MAX_LINE_BYTES, 'x');
    const [end, one] = [Buffer.from('\n'), Buffer.from('x')];
    const reader = new LineReader();
    reader.push(most);
    expect(reader.push(end).map(({ length }) => length)).toEqual([MAX_LINE_BYTES]);
    expect(() => new LineReader().push(Buffer.concat([most, one, end]))).toThrow(LineTooLongError);
    expect(() => new LineReader().push(Buffer.concat([most, one]))).toThrow(LineTooLongError);
    reader.push(most);
    expect(() => reader.push(one)).toThrow(LineTooLongError);
  });

  it('makes nothing of lines that are empty', () => {
    const reader = new LineReader();
    expect(reader.push(Buffer.from(`${'\n'.repeat(1_000)}${'\r\n'.repeat(1_000)}a\n\r`)).map(String)).toEqual(['a']);
    expect(reader.push(Buffer.from('\n\n\r\nb\n')).map(String)).toEqual(['b']);
  });

  it('is linear in what comes byte by byte', () => {
    const reader = new LineReader();
    const one = Buffer.from('x');
    for (let n = 0; n < 500_000; n++) reader.push(one);
    expect(reader.push(Buffer.from('\n'))[0]).toHaveLength(500_000);
  });
});
