import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RunningChild } from '../support/child-process.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/specs-bench.mjs', import.meta.url));
const RUN_MS = 120_000;

const openapi = (paths: object, more: object = {}): string => JSON.stringify({ openapi: '3.0.3', paths, ...more });
const many = (count: number, item: object): object =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`/${n}`, item]));
const body = (schema: object): object => ({ post: { requestBody: { content: { 'application/json': { schema } } } } });
/** Each schema refers to the next one nine times. */
const fan = Object.fromEntries(
  Array.from({ length: 9 }, (_, n) => [
    `S${n}`,
    { properties: many(9, { $ref: `#/components/schemas/S${n + 1}` }), ...(n === 8 && { properties: {} }) },
  ]),
);

/** Documents as they are met. */
const SOUND: Readonly<Record<string, string>> = {
  'a/three.json': openapi({ '/pets': { get: {}, post: {} } }),
  'a/old.yaml': 'swagger: "2.0"\npaths:\n  /pets: { get: { parameters: [{ name: q, in: query, type: string }] } }\n',
  'new.json': JSON.stringify({ openapi: '3.1.0', webhooks: { a: {} } }),
  'upload.json': openapi({ '/a#1': { post: { requestBody: { content: { 'multipart/form-data': {} } } } } }),
};

/** Documents that are made to do harm, and what is said of them; an empty text where they are harmless. */
const BOMBS: Readonly<Record<string, readonly [text: string, reason: string]>> = {
  'deep.json': [`{"a":${'['.repeat(1_000_000)}`, 'nests deeper than 128 levels'],
  'large.json': [`"${'x'.repeat(17 * 1024 * 1024)}"`, 'larger than 16 MiB'],
  'aliases.yaml': [
    `a: &a [x,x]\n${Array.from({ length: 60 }, (_, n) => `b${n}: &b${n} [*${n ? `b${n - 1}` : 'a'},*${n ? `b${n - 1}` : 'a'}]`).join('\n')}\n`,
    'more than 1000000 values',
  ],
  'operations.json': [openapi(many(100_000, { get: {} })), 'more than 2000 operations'],
  'version.json': ['{"openapi":"4.0","paths":{}}', 'the version is none of'],
  'broken.json': ['{"openapi":"3.0.3"', 'not well-formed JSON'],
  'fan.json': [openapi({ '/a': body({ $ref: '#/components/schemas/S0' }) }, { components: { schemas: fan } }), ''],
  'all-fan.json': [
    openapi(many(1_500, body({ $ref: '#/components/schemas/S0' })), { components: { schemas: fan } }),
    '',
  ],
  'circle.json': [openapi({ '/a': body({ $ref: '#/paths/~1a' }) }), ''],
  'file.json': [openapi({ '/a': body({ $ref: 'file:///etc/passwd' }), '/b': body({ $ref: 'http://127.0.0.1/' }) }), ''],
  'prototype.json': ['{"openapi":"3.0.3","__proto__":{"a":1},"paths":{"__proto__":{"get":{}},"/a":{"get":{}}}}', ''],
  'pattern.json': [openapi({ '/a': body({ type: 'string', pattern: '^(a+)+$' }) }), ''],
};

describe('npm run bench:specs', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'composer-specs-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  function folder(name: string, files: Readonly<Record<string, string>>): string {
    const path = mkdtempSync(join(scratch, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file.replace('/', '-')), text);
    return path;
  }

  const bench = (documents: string, ...more: string[]) =>
    new RunningChild([process.execPath, SCRIPT, '--documents', documents, '--processes', '2', ...more], {
      cwd: scratch,
      env: {},
    }).end(RUN_MS);

  it(
    'says what became of documents, and is content with good ones',
    async () => {
      const { code, stdout } = await bench(folder('sound', SOUND), '--yaml', '1');
      expect([code, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, '4 of 4 imported']);
      expect(stdout).toContain('| the same operations | 3 | 100.00 % |');
      expect(stdout).toContain('| became tools | 4 | 100.00 % |');
      expect(stdout).toContain('| documents without a single tool | 1 |');
    },
    RUN_MS,
  );

  describe('with documents made to do harm', () => {
    let result: { readonly code: number | null; readonly stdout: string };
    beforeAll(async () => {
      const texts = Object.entries(BOMBS).map(([file, [text]]) => [file, text] as const);
      result = await bench(folder('bombs', Object.fromEntries(texts)));
    }, RUN_MS);

    it('fails, since too many are refused, and none of them crashes or hangs', () => {
      expect(result.code).toBe(1);
      expect(result.stdout).toContain('| crashed or hung | 0 |');
      expect(result.stdout.trimEnd()).toMatch(/^6 of 12 imported: not good enough$/m);
    });

    it.each(Object.entries(BOMBS))('tells the reason of %s', (file, [, reason]) => {
      const row = new RegExp(`^\\| ${file} \\| the OpenAPI document cannot be used: (.*) \\|$`, 'm').exec(
        result.stdout,
      );
      if (reason === '') expect(row).toBeNull();
      else expect(row?.[1]).toContain(reason);
    });

    it('leaves out operations whose references leave the document', () => {
      expect(result.stdout).toMatch(/\| the reference "…" leaves the document \| 2 \| 1 \|/);
    });
  });
});
