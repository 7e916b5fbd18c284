import { describe, expect, it } from '@jest/globals';
import { buildRequest } from './build-request.js';
import { compileOperations } from './compile-operations.js';
import { parseDocument } from './parse-document.js';

describe('collectionFormat of Swagger 2.0', () => {
  const list = (name: string, place: string, collectionFormat?: string) => ({
    ...{ name, in: place, required: true, type: 'array', items: { type: 'string' } },
    ...(collectionFormat && { collectionFormat }),
  });
  const compiled = (parameters: object[]) =>
    compileOperations(parseDocument({ swagger: '2.0', paths: { '/a/{c}': { get: { parameters } } } }));

  it.each([
    [undefined, '/a/x%20y,z|', 'x y,z|', 'q=x%20y,z%7C'],
    ['csv', '/a/x%20y,z|', 'x y,z|', 'q=x%20y,z%7C'],
    ['ssv', '/a/x%20y%20z|', 'x y z|', 'q=x%20y%20z%7C'],
    ['pipes', '/a/x%20y|z|', 'x y|z|', 'q=x%20y%7Cz%7C'],
  ])('%s is what a path, a header and a query carry', (format, path, header, query) => {
    const { operations, skipped, notes } = compiled(['c', 'h', 'q'].map((name, at) => list(name, PLACES[at]!, format)));
    expect({ skipped, notes }).toEqual({ skipped: [], notes: [] });
    const value = ['x y', 'z|'];
    const request = buildRequest(operations[0]!, { c: value, h: value, q: value }, new URL('https://api.example'));
    expect(request.headers['h']).toBe(header);
    expect(request.path.replaceAll('%7C', '|')).toBe(`${path}?${query.replaceAll('%7C', '|')}`);
  });

  it.each(['header', 'query'])('tsv in a %s makes the operation be left out', (place) => {
    const { operations, skipped } = compiled([list('c', 'path'), list('x', place, 'tsv')]);
    expect(operations).toEqual([]);
    expect(skipped[0]?.reason).toMatch(/has the style "tabDelimited", which is not supported there/);
  });

  it('tsv in a path makes a text of the list, with a note', () => {
    const { operations, notes } = compiled([list('c', 'path', 'tsv')]);
    expect(operations[0]?.inputSchema.properties).toEqual({ c: { type: 'string' } });
    expect(notes[0]?.note).toMatch(/"c" is left out: it has the style "tabDelimited", which is not supported there/);
  });

  it('says nothing of what is no list', () => {
    const text = { name: 'c', in: 'path', required: true, type: 'string', collectionFormat: 'tsv' };
    expect(compiled([text])).toMatchObject({ skipped: [], notes: [] });
  });
});

const PLACES = ['path', 'header', 'query'];
