import { describe, expect, it } from '@jest/globals';
import { toToolResult } from './tool-result.js';

const answer = (body: string | Buffer, contentType: string | undefined, status = 200) =>
  toToolResult({ status, contentType, body: Buffer.from(body as string) });

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe('toToolResult', () => {
  it('gives a JSON object as received and as structure', () => {
    const text = '{ "id": 9007199254740993, "a": [1] }';
    expect(answer(text, 'application/json; charset=utf-8')).toEqual({
      content: [{ type: 'text', text }],
      structuredContent: JSON.parse(text),
    });
  });

  it.each([
    ['[1,2]', [1, 2]],
    ['"x"', 'x'],
    ['null', null],
    ['0', 0],
  ])('puts the JSON value %s under result', (text, result) => {
    expect(answer(text, 'application/problem+json')).toEqual({
      content: [{ type: 'text', text }],
      structuredContent: { result },
    });
  });

  it('finds JSON in plain text and in answers without a type, but not in other text', () => {
    expect(answer('{"a":1}', 'text/plain').structuredContent).toEqual({ a: 1 });
    expect(answer(' [1]', undefined).structuredContent).toEqual({ result: [1] });
    expect(answer('12', 'text/plain').structuredContent).toBeUndefined();
    expect(answer('{"a":1}', 'text/html').structuredContent).toBeUndefined();
    expect(answer('{"a":1}\n{"a":2}', 'application/x-ndjson').structuredContent).toBeUndefined();
  });

  it.each(['{"a":', '{"a":1} trailing', '\u0000'])('gives text alone for what is not well-formed JSON: %j', (text) => {
    expect(answer(text, 'application/json')).toEqual({ content: [{ type: 'text', text }] });
  });

  it('gives text alone for JSON that nests too deep', () => {
    expect(answer(nested(64), 'application/json').structuredContent).toBeDefined();
    for (const levels of [65, 1_000_000]) {
      expect(answer(nested(levels), 'application/json').structuredContent).toBeUndefined();
    }
  });

  it.each([
    '{"__proto__":{"polluted":1},"b":{"__proto__":{"polluted":1}}}',
    '{"\\u005f_proto__":{"polluted":1},"b":{}}',
    '{"constructor":{"prototype":{"polluted":1}},"b":{}}',
    '{"con\\u0073tructor":{"prototype":{"polluted":1}},"b":{}}',
  ])('leaves out keys that would change prototypes: %s', (text) => {
    const { structuredContent } = answer(text, 'application/json');
    expect(structuredContent).toEqual({ b: {} });
    expect(Object.keys(Object.assign({}, structuredContent))).toEqual(['b']);
    expect(JSON.stringify(structuredContent)).toBe('{"b":{}}');
  });

  it('decodes text by its charset and never guesses', () => {
    expect(answer(Buffer.from([0x67, 0x72, 0xfc, 0x6e]), 'text/plain; charset="ISO-8859-1"').content).toEqual([
      { type: 'text', text: 'grün' },
    ]);
    expect(answer(Buffer.from([0x67, 0x72, 0xfc, 0x6e]), 'text/plain').content[0]).toMatchObject({ type: 'resource' });
    expect(answer(Buffer.from([0x22, 0xff, 0x22]), 'application/json')).not.toHaveProperty('structuredContent');
  });

  it.each([
    ['iso-8859-1', Buffer.from('{"name":"Müller"}', 'latin1')],
    ['"ISO-8859-1"; q=1', Buffer.from('{"name":"Müller"}', 'utf8')],
    ['windows-1252', Buffer.from('{"name":"M\\u00fcller"}')],
    ['utf-16le', Buffer.from('{"name":"Müller"}', 'utf16le')],
    ['utf-16be', Buffer.from('{"name":"M\\u00fcller"}', 'utf16le').swap16()],
    ['nobody-knows', Buffer.from('{"name":"Müller"}', 'utf8')],
  ])('reads JSON that says charset=%s as UTF-8 if it is that, and else as what it says', (charset, body) => {
    const type = `application/json;charset=${charset}`;
    expect(answer(body, type).structuredContent).toEqual({ name: 'Müller' });
    expect(answer(body, type).content).toMatchObject([{ type: 'text' }]);
    const told = answer(body, type, 422).content[0] as { text: string };
    expect(told.text).toMatch(/ - \{"name":"M(ü|\\u00fc)ller"\}$/);
  });

  it('gives bytes for JSON that is neither UTF-8 nor in the charset that it names', () => {
    const bytes = Buffer.from([0x22, 0xff, 0x22]);
    for (const charset of ['us-nothing', 'shift_jis']) {
      expect(answer(bytes, `application/json; charset=${charset}`).content).toMatchObject([{ type: 'resource' }]);
    }
  });

  it('gives pictures and sound as such, and SVG as text', () => {
    const bytes = Buffer.from([1, 2, 3]);
    const data = bytes.toString('base64');
    expect(answer(bytes, 'image/PNG').content).toEqual([{ type: 'image', data, mimeType: 'image/png' }]);
    expect(answer(bytes, 'audio/mpeg').content).toEqual([{ type: 'audio', data, mimeType: 'audio/mpeg' }]);
    expect(answer('<svg/>', 'image/svg+xml').content).toEqual([{ type: 'text', text: '<svg/>' }]);
  });

  it('is what the document says where the answer does not say what it is', () => {
    const bytes = Buffer.from([1, 2]);
    const declared = (answerType: string, contentType?: string, body: Buffer | string = bytes) =>
      toToolResult({ status: 200, contentType, body: Buffer.from(body as string) }, undefined, { answerType });
    const data = bytes.toString('base64');
    for (const contentType of [undefined, '', 'application/octet-stream']) {
      expect(declared('image/png', contentType).content).toEqual([{ type: 'image', data, mimeType: 'image/png' }]);
      expect(declared('audio/wav', contentType).content).toMatchObject([{ type: 'audio', mimeType: 'audio/wav' }]);
      expect(declared('application/pdf', contentType).content).toMatchObject([
        { type: 'resource', resource: { mimeType: 'application/pdf', blob: data } },
      ]);
    }
    expect(declared('application/json', undefined, '12').structuredContent).toEqual({ result: 12 });
    expect(declared('image/png', 'audio/wav').content).toMatchObject([{ type: 'audio' }]);
    expect(declared('image/png', 'text/plain', 'no').content).toEqual([{ type: 'text', text: 'no' }]);
  });

  it('embeds other bytes and only describes very many', () => {
    expect(answer(Buffer.from([0]), 'application/pdf').content).toEqual([
      { type: 'resource', resource: { uri: 'urn:mcp-composer:response', mimeType: 'application/pdf', blob: 'AA==' } },
    ]);
    const [content] = answer(Buffer.alloc(1024 * 1024 + 1), 'application/zip').content;
    expect(content).toEqual({
      type: 'text',
      text: 'The answer is 1048577 bytes of application/zip, too large to be passed on.',
    });
  });

  it('names the status of an empty answer', () => {
    expect(answer('', undefined, 204)).toEqual({ content: [{ type: 'text', text: 'HTTP 204 No Content' }] });
    const custom = toToolResult({ status: 299, statusText: 'Fine', body: Buffer.alloc(0) });
    expect(custom.content).toEqual([{ type: 'text', text: 'HTTP 299 Fine' }]);
  });

  it.each([
    [404, 'Nope', 'text/plain', 'HTTP error 404: Not Found - Nope'],
    [422, '{"e":1}', 'application/json', 'HTTP error 422: Unprocessable Entity - {"e":1}'],
    [500, '', undefined, 'HTTP error 500: Internal Server Error'],
    [599, 'x', undefined, 'HTTP error 599 - x'],
    [302, '', undefined, 'HTTP error 302: Found'],
    [502, '\u0000\u0001', 'image/png', 'HTTP error 502: Bad Gateway - 2 bytes of image/png'],
  ])('makes an error of status %i', (status, body, contentType, text) => {
    expect(answer(body, contentType, status)).toEqual({ content: [{ type: 'text', text }], isError: true });
  });

  it('cuts the body of an error to 4 KiB at the edge of a character', () => {
    const [content] = answer('é'.repeat(100_000), 'text/html', 500).content;
    const text = (content as { text: string }).text.replace('HTTP error 500: Internal Server Error - ', '');
    expect(text).toMatch(/^é+…$/);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
    expect(Buffer.byteLength(text)).toBeGreaterThan(4090);
  });

  it('takes the beginning of an error for UTF-8 although it may end within a character', () => {
    const [content] = answer(`"${'é'.repeat(100_000)}"`, 'application/json; charset=iso-8859-1', 500).content;
    expect((content as { text: string }).text).toMatch(/ - "é+…$/);
  });
});

describe('a secret that a service echoes', () => {
  const mask = (text: string): string => text.replaceAll('sesame', '[secret]');
  const answer = (status: number, body: string) => ({ status, contentType: 'text/plain', body: Buffer.from(body) });

  it('is taken out of the text of an error, also where that is cut', () => {
    const { content } = toToolResult({ ...answer(403, 'no sesame'), statusText: 'Bad sesame' }, mask);
    expect(content).toEqual([{ type: 'text', text: 'HTTP error 403: Bad [secret] - no [secret]' }]);
    const long = toToolResult(answer(403, `${'x'.repeat(4_088)}sesame${'y'.repeat(99)}`), mask);
    expect(JSON.stringify(long)).not.toContain('ses');
  });

  it('is left in a result, which is nothing but what was asked for', () => {
    expect(toToolResult(answer(200, 'open sesame'), mask).content).toEqual([{ type: 'text', text: 'open sesame' }]);
  });
});
