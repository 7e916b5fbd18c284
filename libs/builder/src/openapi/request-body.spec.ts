import { describe, expect, it } from '@jest/globals';
import { buildRequest } from './build-request.js';
import { compileOperations } from './compile-operations.js';
import type { OpenApiOperation } from './openapi-operation.js';
import { InvalidArgumentsError } from './openapi.errors.js';
import { parseDocument } from './parse-document.js';

const BASE = new URL('https://api.example/');

function compile(content: object, more: object = {}) {
  const paths = { '/a': { post: { requestBody: { content, ...more } } } };
  return compileOperations(parseDocument({ openapi: '3.0.3', paths }));
}

function tool(content: object, more: object = {}): OpenApiOperation {
  const { operations, skipped } = compile(content, more);
  expect(skipped).toEqual([]);
  return operations[0]!;
}

const send = (operation: OpenApiOperation, args: object) => buildRequest(operation, args, BASE);

/** What a reader that is not ours finds in a form of several parts. */
async function partsOf(operation: OpenApiOperation, args: object) {
  const { headers, body } = send(operation, args);
  const form = await new Response(body as Buffer<ArrayBuffer>, {
    headers: { 'content-type': headers['content-type']! },
  }).formData();
  const parts: unknown[] = [];
  for (const [name, value] of form) {
    parts.push(
      typeof value === 'string'
        ? [name, value]
        : [name, Buffer.from(await value.arrayBuffer()).toString(), value.name, value.type],
    );
  }
  return parts;
}

function faultsOf(operation: OpenApiOperation, args: object) {
  try {
    send(operation, args);
  } catch (error) {
    if (error instanceof InvalidArgumentsError) return error.faults;
    throw error;
  }
  return [];
}

const binary = { type: 'string', format: 'binary' };
const multipart = (properties: object, more: object = {}) => ({
  'multipart/form-data': { schema: { type: 'object', properties }, ...more },
});

describe('a form of several parts', () => {
  it('has text, JSON and files in its parts', async () => {
    const operation = tool(
      multipart({ title: { type: 'string' }, tags: { type: 'array' }, about: { type: 'object' }, file: binary }),
    );
    const args = {
      title: 'ü "1"',
      tags: ['a', 2],
      about: { size: 1 },
      file: { base64: 'AAEC/w==', filename: 'x"\r\ny.bin', mimeType: 'image/png' },
    };
    const file = [0, 1, 2, 255];
    expect(await partsOf(operation, args)).toEqual([
      ['title', 'ü "1"'],
      ['tags', 'a'],
      ['tags', '2'],
      ['about', '{"size":1}'],
      ['file', Buffer.from(file).toString(), 'x"\r\ny.bin', 'image/png'],
    ]);
    expect((send(operation, args).body as Buffer).includes(Buffer.from(file))).toBe(true);
    expect(send(operation, args).body).toEqual(send(operation, args).body);
  });

  it('says what a file is: as the caller does, else as the document, else bytes', async () => {
    const operation = tool(
      multipart(
        { a: binary, b: binary, c: binary, more: { type: 'array', items: binary } },
        { encoding: { a: { contentType: 'text/csv' }, b: { contentType: 'image/png, image/jpeg' } } },
      ),
    );
    const text = { text: '1' };
    expect(await partsOf(operation, { a: text, b: text, c: { ...text, mimeType: 'a/b' }, more: [text, text] })).toEqual(
      [
        ['a', '1', 'a', 'text/csv'],
        ['b', '1', 'b', 'application/octet-stream'],
        ['c', '1', 'c', 'a/b'],
        ['more', '1', 'more', 'application/octet-stream'],
        ['more', '1', 'more', 'application/octet-stream'],
      ],
    );
  });

  it('has a part for each leaf of a field that is a deep object', async () => {
    const encoding = { a: { style: 'deepObject', explode: true } };
    const operation = tool(multipart({ a: { type: 'object' } }, { encoding }));
    expect(await partsOf(operation, { a: { b: 'x&y', c: [1, null, 2], d: null } })).toEqual([
      ['a[b]', 'x&y'],
      ['a[c][0]', '1'],
      ['a[c][1]', '2'],
    ]);
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`k${n}`, 1]));
    expect(faultsOf(operation, { a: { ['n'.repeat(10_000)]: many } })).toEqual([
      { path: 'a', message: expect.stringContaining('must not make more than') },
    ]);
  });

  it('has no part for a list of nothing, joined or not', async () => {
    const joined = { encoding: { tags: { style: 'form', explode: false } } };
    const operation = tool(multipart({ tags: { type: 'array' }, more: { type: 'array' } }, joined));
    expect(await partsOf(operation, { tags: ['a', null, 'b'], more: [] })).toEqual([['tags', 'a,b']]);
    expect(await partsOf(operation, { tags: [null], more: ['c'] })).toEqual([['more', 'c']]);
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'application/problem+json'])(
    'sends JSON where the document says that a part is JSON: %s',
    (contentType) => {
      const operation = tool(multipart({ a: { type: 'string' } }, { encoding: { a: { contentType } } }));
      expect(send(operation, { a: 'x' }).body?.toString()).toContain(`Content-Type: ${contentType}\r\n\r\n"x"\r\n`);
    },
  );

  it('describes files so that a model can give them', () => {
    const { inputSchema } = tool(multipart({ file: { ...binary, description: 'A photo' }, files: { items: binary } }));
    expect(inputSchema.properties).toEqual({
      file: expect.objectContaining({ type: 'object', description: 'A photo' }),
      files: { type: 'array', items: expect.objectContaining({ type: 'object' }) },
    });
  });

  it('takes files of OpenAPI 3.1 and of Swagger 2.0', async () => {
    const schema = { type: 'object', properties: { f: { contentMediaType: 'image/png' } } };
    const modern = compileOperations(
      parseDocument({
        openapi: '3.1.0',
        paths: { '/a': { post: { requestBody: { content: { 'multipart/form-data': { schema } } } } } },
      }),
    );
    const parameters = [
      { name: 'f', in: 'formData', type: 'file' },
      { name: 'ids', in: 'formData', type: 'array', items: { type: 'string' } },
    ];
    const old = compileOperations(parseDocument({ swagger: '2.0', paths: { '/a': { post: { parameters } } } }));
    expect(await partsOf(modern.operations[0]!, { f: { text: '1' } })).toEqual([
      ['f', '1', 'f', 'application/octet-stream'],
    ]);
    expect(await partsOf(old.operations[0]!, { f: { text: '1' }, ids: ['a', 'b'] })).toEqual([
      ['f', '1', 'f', 'application/octet-stream'],
      ['ids', 'a,b'],
    ]);
  });

  it.each([
    ['text', 'must be an object with "text" or "base64"'],
    [{ data: '' }, 'must be an object with "text" or "base64"'],
    [{}, 'must have either "text" or "base64"'],
    [{ text: '', base64: '' }, 'must have either "text" or "base64"'],
    [{ base64: 'a b' }, 'is not base64'],
    [{ text: 1 }, 'must have a text in "text"'],
    [{ text: '', filename: 1 }, 'must have a "filename"'],
    [{ text: '', mimeType: 'a/b\r\nX: y' }, 'must have a media type without parameters'],
    [[{ text: '' }, 'x'], 'must be an object with "text" or "base64"'],
  ])('refuses %j for a file', (file, message) => {
    expect(faultsOf(tool(multipart({ file: binary })), { file })).toEqual([
      { path: 'file', message: expect.stringContaining(message) },
    ]);
  });
});

describe('a form whose fields are not listed', () => {
  const alternatives = {
    oneOf: [
      { type: 'object', properties: { a: {} } },
      { type: 'object', properties: { b: {} } },
    ],
  };

  it.each(['application/x-www-form-urlencoded', 'multipart/form-data'])('is one argument: %s', async (type) => {
    const operation = tool({ [type]: { schema: alternatives } });
    expect(operation.body).toMatchObject({ argument: 'body' });
    expect(faultsOf(operation, { body: 'a=1' })).toEqual([
      { path: 'body', message: 'must be an object with the fields of a form' },
    ]);
    if (type.startsWith('multipart')) expect(await partsOf(operation, { body: { b: 'x&y' } })).toEqual([['b', 'x&y']]);
    else expect(send(operation, { body: { b: 'x&y' } }).body).toBe('b=x%26y');
  });

  it.each([{ type: 'object', properties: {} }, { type: 'object' }, { properties: {} }])('has no body: %j', (schema) => {
    const { operations, notes } = compile({ 'application/x-www-form-urlencoded': { schema } });
    expect(operations[0]!.body).toBeUndefined();
    expect(send(operations[0]!, {}).body).toBeUndefined();
    expect(notes).toEqual([{ operation: 'POST /a', note: 'the body is left out: it is a form without fields' }]);
  });
});

describe('a body of another type', () => {
  it('is a file where it is bytes', () => {
    const operation = tool({ 'application/zip': {} }, { description: 'The archive' });
    expect(operation.inputSchema.properties).toEqual({ body: expect.objectContaining({ description: 'A file' }) });
    const { body, headers } = send(operation, { body: { base64: 'AAH_', mimeType: 'text/html' } });
    expect(body).toEqual(Buffer.from([0, 1, 255]));
    expect(headers['content-type']).toBe('application/zip');
    expect(faultsOf(operation, { body: 'AAH_' })).toEqual([{ path: 'body', message: expect.any(String) }]);
  });

  it.each([
    ['image/png', 'image/png'],
    ['text/html', 'application/octet-stream'],
    [undefined, 'application/octet-stream'],
  ])('has the type that the caller says, if it is in the range of the document: %s', (mimeType, sent) => {
    const operation = tool({ 'image/*': { schema: binary } });
    const file = { base64: 'AA==', ...(mimeType && { mimeType }) };
    expect(send(operation, { body: file }).headers['content-type']).toBe(sent);
  });

  it('is text where it is XML, whatever the schema means', () => {
    const operation = tool({ 'application/xml': { schema: { type: 'object', properties: { a: {} } } } });
    expect(operation.inputSchema.properties).toEqual({
      body: { type: 'string', description: 'text of type application/xml' },
    });
    expect(send(operation, { body: '<a/>' })).toMatchObject({
      body: '<a/>',
      headers: { 'content-type': 'application/xml;charset=utf-8' },
    });
  });

  it('is text where its schema says so', () => {
    const operation = tool({ 'application/x-script': { schema: { type: 'string' } } });
    expect(send(operation, { body: 'x' }).body).toBe('x');
  });

  it.each([
    ['application/*+json', 'application/json'],
    ['application/*+xml', 'application/xml;charset=utf-8'],
    ['application/json; charset=utf-8', 'application/json; charset=utf-8'],
  ])('is of the plain type where the document names a family: %s', (type, sent) => {
    const operation = tool({ [type]: { schema: { type: 'string' } } });
    expect(send(operation, { body: 'x' }).headers['content-type']).toBe(sent);
  });

  it('gives way to types that are easier to write', () => {
    const offers = { 'application/zip': {}, 'text/plain': {}, 'multipart/form-data': {}, 'application/json': {} };
    expect(tool(offers).body).toMatchObject({ contentType: 'application/json' });
    expect(tool({ 'application/zip': {}, 'text/plain': {} }).body).toMatchObject({ contentType: 'text/plain' });
  });

  it('is left out where it has no media type and is not required', () => {
    expect(compile({ '': {} }).notes).toEqual([
      { operation: 'POST /a', note: 'the body is left out: it has no media type' },
    ]);
    expect(compile({ '': {} }, { required: true }).skipped).toEqual([
      { operation: 'POST /a', reason: 'its body has no media type' },
    ]);
  });
});
