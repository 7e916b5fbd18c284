import { describe, expect, it } from '@jest/globals';
import { compileOperations } from './compile-operations.js';
import { parseDocument } from './parse-document.js';

function compiled($ref: string, schemas: object, more: object = {}) {
  const schema = { type: 'object', properties: { a: { $ref } } };
  const paths = { '/a': { post: { requestBody: { content: { 'application/json': { schema } } } } } };
  const { operations, skipped } = compileOperations(
    parseDocument(JSON.parse(JSON.stringify({ openapi: '3.1.0', paths, components: { schemas }, ...more })) as object),
  );
  return { input: operations[0]?.inputSchema, reason: skipped[0]?.reason };
}

const TEXT = { type: 'string', minLength: 7 };

describe('a reference by name', () => {
  it.each<[string, string, object, string]>([
    ['$anchor', '#foo', { Foo: { $anchor: 'foo', ...TEXT } }, 'Foo'],
    ['$dynamicAnchor', '#foo', { Foo: { $dynamicAnchor: 'foo', ...TEXT } }, 'Foo'],
    ['both', '#foo', { Foo: { $anchor: 'foo', $dynamicAnchor: 'foo', ...TEXT } }, 'Foo'],
    ['an absolute $id', 'https://a.example/foo', { Foo: { $id: 'https://a.example/foo', ...TEXT } }, 'Foo'],
    ['a urn', 'urn:a:foo', { Foo: { $id: 'urn:a:foo', ...TEXT } }, 'Foo'],
    ['a relative $id', 'foo.json', { Foo: { $id: './foo.json', ...TEXT } }, 'Foo'],
    ['a pointer in an $id', 'foo.json#/$defs/A', { Foo: { $id: 'foo.json', $defs: { A: TEXT } } }, 'A'],
    ['an anchor in an $id', 'foo.json#a', { Foo: { $id: 'foo.json', $defs: { A: { $anchor: 'a', ...TEXT } } } }, 'A'],
    [
      'an $id in an $id',
      'https://a.example/b/c',
      { F: { $id: 'https://a.example/b/', $defs: { C: { $id: 'c', ...TEXT } } } },
      'C',
    ],
    ['a key of slashes and tildes', '#foo', { 'a/b~c%41': { $anchor: 'foo', ...TEXT } }, 'a_1b_0c_2541'],
  ])('is followed to %s', (_what, ref, schemas, name) => {
    const { input, reason } = compiled(ref, schemas);
    expect(reason).toBeUndefined();
    const [[definition, schema] = []] = Object.entries(input?.['$defs'] as object);
    expect(schema).toMatchObject(TEXT);
    expect(definition).toBe(name);
  });

  it('is relative to the schema with an $id that it stands in, and else to the document', () => {
    const tree = {
      $id: 'https://a.example/tree',
      type: 'object',
      properties: {
        own: { $ref: '#/$defs/Leaf' },
        self: { $ref: '#' },
        anchor: { $ref: '#leaf' },
        other: { $ref: '#/components/schemas/Other' },
      },
      $defs: { Leaf: { $anchor: 'leaf', ...TEXT } },
    };
    const { input, reason } = compiled('#/components/schemas/Tree', { Tree: tree, Other: { type: 'boolean' } });
    expect(reason).toBeUndefined();
    expect(input?.['$defs']).toMatchObject({
      Tree: {
        properties: {
          own: { $ref: '#/$defs/Leaf' },
          self: { $ref: '#/$defs/Tree' },
          anchor: { $ref: '#/$defs/Leaf' },
          other: { $ref: '#/$defs/Other' },
        },
      },
      Leaf: TEXT,
    });
  });

  it('may begin with what the document calls itself', () => {
    const more = { openapi: '3.2.0', $self: 'https://a.example/api' };
    expect(compiled('https://a.example/api#/components/schemas/Foo', { Foo: TEXT }, more).reason).toBeUndefined();
    expect(compiled('foo', { Foo: { $id: 'https://a.example/foo', ...TEXT } }, more).reason).toBeUndefined();
    const ornament = { Foo: TEXT, Bar: { $id: '' } };
    expect(compiled('https://a.example/api#/components/schemas/Foo', ornament, more).reason).toBeUndefined();
  });

  it.each<[string, string, object, string]>([
    ['nobody has', '#bar', { Foo: { $anchor: 'foo' } }, 'names no place of the document, or more than one'],
    [
      'two have',
      '#foo',
      { A: { $anchor: 'foo' }, B: { $anchor: 'foo' } },
      'names no place of the document, or more than one',
    ],
    [
      'is in another schema with an $id',
      '#a',
      { A: { $id: 'x', items: { $anchor: 'a' } } },
      'names no place of the document',
    ],
    ['is the document', '#', { Foo: { $anchor: 'foo' } }, 'stands for the whole document'],
    ['is elsewhere', 'bar.json', { Foo: { $id: 'foo.json' } }, 'leaves the document'],
    ['is no address', 'http://[', { Foo: { $id: 'http://[' } }, 'leaves the document'],
    ['is very long', `#${'a'.repeat(2_000)}`, { Foo: { $anchor: 'a'.repeat(2_000) } }, 'names no place'],
  ])('costs its operation where the name %s', (_what, ref, schemas, reason) => {
    expect(compiled(ref, schemas).reason).toContain(reason);
  });

  it('is none in OpenAPI 3.0', () => {
    expect(compiled('#foo', { Foo: { $anchor: 'foo' } }, { openapi: '3.0.3' }).reason).toContain('names no place');
  });

  it('keeps the pointers of schemas whose $id is only an ornament', () => {
    const schemas = { Foo: { $id: '', items: { $ref: '#/components/schemas/Bar' } }, Bar: { $id: '#bar', ...TEXT } };
    expect(compiled('#/components/schemas/Foo', schemas).input?.['$defs']).toMatchObject({ Bar: TEXT });
  });
});
