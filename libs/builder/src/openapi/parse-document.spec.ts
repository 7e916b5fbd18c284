import { describe, expect, it } from '@jest/globals';
import { compileOperations } from './compile-operations.js';
import { DOCUMENT_LIMITS } from './openapi-document.js';
import { InvalidDocumentError, UnsupportedVersionError } from './openapi.errors.js';
import { parseDocument } from './parse-document.js';

const document = (version = '3.0.3') => ({ openapi: version, info: { title: 'Shop' }, paths: { '/a': { get: {} } } });

function faultOf(source: string | Uint8Array | object): string {
  try {
    parseDocument(source);
  } catch (error) {
    if (error instanceof InvalidDocumentError) return error.message;
    throw error;
  }
  throw new Error('the document was accepted');
}

describe('parseDocument', () => {
  it('reads the same document from JSON text, bytes, an object and YAML', () => {
    const yaml = 'openapi: 3.0.3\ninfo: {title: Shop}\npaths:\n  /a:\n    get: {}\n';
    const expected = { version: '3.0', title: 'Shop', root: document() };
    const text = JSON.stringify(document());
    for (const source of [text, Buffer.from(text), `\uFEFF${text}`, document(), yaml, Buffer.from(yaml)]) {
      expect(parseDocument(source)).toEqual(expected);
    }
  });

  it.each([
    ['3.0.0', '3.0'],
    ['3.0.4', '3.0'],
    ['3.1.0', '3.1'],
    ['3.1.1', '3.1'],
    ['3.2.0', '3.1'],
    ['3.1.0-rc1', '3.1'],
  ])('reads OpenAPI %s as %s', (version, read) => {
    expect(parseDocument(document(version)).version).toBe(read);
  });

  it('reads versions that YAML takes for numbers', () => {
    expect(parseDocument('swagger: 2.0\npaths: {}').version).toBe('3.0');
    expect(parseDocument('openapi: 3.1\npaths: {}').version).toBe('3.1');
  });

  it.each(['1.2', '2.0.0', '3.3.0', '4.0.0', '', '3.1.0; x'])('refuses the version "%s"', (version) => {
    expect(() => parseDocument(document(version))).toThrow(UnsupportedVersionError);
  });

  it('says in which member of the configuration the fault is, with a stable code', () => {
    expect(() => parseDocument('[]')).toThrow(
      expect.objectContaining({
        code: 'COMPOSER_OPENAPI_INVALID_DOCUMENT',
        status: 422,
        faults: [{ path: 'open_api.spec', message: expect.stringContaining('not an object') }],
      }),
    );
  });

  it('tells the place of a fault and none of the text', () => {
    expect(faultOf('openapi: 3.0.0\npaths: {a: [topsecret}\n')).toMatch(/in line 2, column \d+$/);
    expect(faultOf('{"openapi": topsecret}')).not.toContain('topsecret');
  });

  it('leaves an object that it is given as it was', () => {
    const source = document();
    const { root } = parseDocument(source);
    expect(root).not.toBe(source);
    expect(source).toEqual(document());
  });

  it('keeps the last of two equal keys in YAML, as JSON does', () => {
    expect(parseDocument('openapi: 3.0.0\ninfo: {title: a, title: b}\npaths: {}').title).toBe('b');
  });
});

describe('a document made to do harm', () => {
  it('is refused beyond 16 MiB, counted in bytes', () => {
    const filler = 'é'.repeat(DOCUMENT_LIMITS.maxBytes / 2);
    expect(faultOf(JSON.stringify({ ...document(), x: filler }))).toContain('larger than 16 MiB');
    expect(faultOf(new Uint8Array(DOCUMENT_LIMITS.maxBytes + 1))).toContain('larger than 16 MiB');
  });

  it('is refused beyond 8 MiB of YAML, which JSON of the same size is not', () => {
    const text = 'openapi: 3.0.0\npaths: {}\nx: ';
    const filler = 'x'.repeat(DOCUMENT_LIMITS.maxYamlBytes - text.length);
    expect(parseDocument(text + filler).version).toBe('3.0');
    expect(faultOf(`${text}${filler}x`)).toContain('larger than 8 MiB; convert it to JSON, which may have 16 MiB');
    expect(parseDocument(JSON.stringify({ ...document(), x: `${filler}${text}` })).version).toBe('3.0');
  });

  it('is refused if it is YAML of very many very small parts', () => {
    const list = (length: number) => `openapi: 3.0.0\npaths: {}\nx: [${'a,'.repeat(length)}]\n`;
    expect(faultOf(list(500_000))).toContain('too many parts');
    expect(parseDocument(list(20_000)).version).toBe('3.0');
  });

  it('is refused if it is not UTF-8', () => {
    expect(faultOf(Buffer.from([0x7b, 0xff, 0x7d]))).toContain('not UTF-8');
  });

  it.each([
    ['JSON', `{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`],
    ['JSON without an end', '[{"a":'.repeat(500_000)],
    ['YAML in flow style', `a: ${'['.repeat(50_000)}${']'.repeat(50_000)}`],
    ['YAML in one line of dashes', `a:\n  ${'- '.repeat(50_000)}x`],
    ['YAML by indentation', Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')],
  ])('is refused if %s nests without end', (_kind, text) => {
    expect(faultOf(text)).toMatch(/nests deeper than 128 levels/);
  });

  it('is not refused for brackets in its texts', () => {
    const text = `{"openapi":"3.0.0","paths":{},"x":"\\"${'[{'.repeat(200)}","y":"\\\\"}`;
    expect(parseDocument(text).root.y).toBe('\\');
    const afterwards = `{"openapi":"3.0.0","x":"\\\\","y":${'['.repeat(200)}`;
    expect(faultOf(afterwards)).toContain('nests deeper');
  });

  it('is accepted at exactly the depth that is allowed', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    const text = (levels: number) => `{"openapi":"3.0.0","paths":{},"x":${nested(levels)}}`;
    expect(parseDocument(text(127)).version).toBe('3.0');
    expect(faultOf(text(128))).toContain('nests deeper');
    expect(faultOf(JSON.parse(text(128)) as object)).toContain('nests deeper');
  });

  it('is refused if an object refers to itself', () => {
    const cyclic: Record<string, unknown> = document();
    cyclic.again = cyclic;
    expect(faultOf(cyclic)).toContain('nests deeper');
  });

  it('is refused if it grows by sharing', () => {
    let shared: unknown = 'x';
    for (let level = 0; level < 60; level++) shared = [shared, shared];
    expect(faultOf({ ...document(), shared })).toContain('values');
  });

  it('is refused if it grows by aliases', () => {
    const levels = Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`);
    expect(faultOf(['openapi: 3.0.0', 'paths: {}', 'a0: &a0 [x]', ...levels].join('\n'))).toContain('1000000 values');
  });

  it.each(['!!js/function "x"', '!custom {a: 1}', '!!binary aGk=', '!!timestamp 2001-01-01'])(
    'is refused with the tag %s',
    (value) => {
      expect(faultOf(`openapi: 3.0.0\npaths: {}\nx: ${value}`)).toContain('TAG_RESOLVE_FAILED');
    },
  );

  it('is refused if it is several documents, or none', () => {
    expect(faultOf('openapi: 3.0.0\npaths: {}\n---\nopenapi: 3.0.0\npaths: {}')).toContain('exactly one');
    expect(faultOf('')).toContain('exactly one');
  });

  it.each([
    '{"__proto__":{"polluted":1},"openapi":"3.0.0","paths":{"__proto__":{"get":{}}}}',
    '__proto__: {polluted: 1}\nopenapi: 3.0.0\npaths: {__proto__: {get: {}}}',
  ])('changes no prototype: %s', (text) => {
    const parsed = parseDocument(text);
    expect(Object.keys(parsed.root)).toEqual(['openapi', 'paths']);
    expect((parsed.root as { polluted?: number }).polluted).toBeUndefined();
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(compileOperations(parsed).operations).toEqual([]);
  });

  it('keeps properties that are merely called constructor', () => {
    const source = { ...document(), components: { schemas: { constructor: { type: 'string' } } } };
    expect(parseDocument(JSON.stringify(source)).root).toEqual(source);
  });
});
