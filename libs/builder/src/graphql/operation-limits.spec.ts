import { describe, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { enforceLimits, sizeOf } from './operation-limits.js';
import { parseOperation } from './parse-operation.js';

const LIMITS = { depth: 15, fields: 1000, aliases: 50, cost: 100_000 };
const size = (text: string, variables = {}) => sizeOf(parseOperation(text), variables);
const refusal = (text: string, variables = {}) => {
  try {
    enforceLimits(parseOperation(text), variables, LIMITS);
    return 'sent';
  } catch (error) {
    return (error as Error).message;
  }
};
const nested = (levels: number) => `${'{ a '.repeat(levels)}${'}'.repeat(levels)}`;

describe('the size of an operation', () => {
  it.each([
    ['{ a }', { depth: 1, fields: 1, aliases: 0, cost: 1 }],
    ['{ a { b c: d } }', { depth: 2, fields: 3, aliases: 1, cost: 3 }],
    ['{ a(first: 10) { b } }', { depth: 2, fields: 2, aliases: 0, cost: 11 }],
    ['{ a(last: 10) { b(limit: 5) { c } } }', { depth: 3, fields: 3, aliases: 0, cost: 61 }],
    ['query ($n: Int = 7) { a(first: $n) { b } }', { depth: 2, fields: 2, aliases: 0, cost: 8 }],
    ['{ a { ... on B { c } } }', { depth: 2, fields: 2, aliases: 0, cost: 2 }],
    ['{ a { ...F } b { ...F } } fragment F on B { c { d } }', { depth: 3, fields: 6, aliases: 0, cost: 6 }],
    ['query A { a } query B { a { b } c }', { depth: 2, fields: 3, aliases: 0, cost: 3 }],
    ['{ a(first: -5) { b } }', { depth: 2, fields: 2, aliases: 0, cost: 2 }],
  ])('of %s', (text, expected) => {
    expect(size(text)).toEqual(expected);
  });

  it('takes page sizes from variables', () => {
    const text = 'query ($n: Int = 7) { a(first: $n) { b } }';
    expect(size(text, { n: 100 }).cost).toBe(101);
    expect(size(text, { n: 'many' }).cost).toBe(2);
  });

  it.each([
    ['a fragment that leads back to itself', '{ ...A } fragment A on T { b { ...B } } fragment B on T { ...A }'],
    ['a fragment that is not there', '{ ...A }'],
    ['a subscription', 'subscription { a }'],
  ])('is none of %s', (_, text) => {
    expect(() => size(text)).toThrow(expect.objectContaining({ code: 'COMPOSER_GRAPHQL_INVALID_OPERATION' }));
  });
});

describe('the limits of an operation', () => {
  it('let the whole introspection pass', () => {
    const options = { inputValueDeprecation: true, specifiedByUrl: true, oneOf: true } as const;
    expect(refusal(getIntrospectionQuery(options))).toBe('sent');
  });

  it('name what is beyond them, and by how much', () => {
    expect(refusal(nested(15))).toBe('sent');
    expect(refusal(nested(16))).toContain('its depth is 16, and 15 is the limit');
    expect(refusal(`{ ${'a '.repeat(1001)}}`)).toContain('its number of fields is 1001, and 1000 is the limit');
    expect(refusal(`{ ${Array.from({ length: 51 }, (_, n) => `a${n}: a`).join(' ')} }`)).toContain(
      'its number of aliases is 51, and 50 is the limit',
    );
    expect(refusal('query ($n: Int) { a(first: $n) { b(last: 1000) { c } } }', { n: 100 })).toContain(
      'its cost is 100101, and 100000 is the limit',
    );
  });

  it('end fragments that double what is asked, in no time', () => {
    const doubling = Array.from({ length: 100 }, (_, n) => `fragment F${n} on T { ...F${n + 1} ...F${n + 1} }`);
    expect(refusal(`{ ...F0 } ${doubling.join(' ')} fragment F100 on T { a }`)).toMatch(/number of fields is \d/);
  });

  it.each([
    ['depth', nested(5_000)],
    ['lists', `{ a(b: ${'['.repeat(5_000)}${']'.repeat(5_000)}) }`],
    ['tokens', `{ ${'a '.repeat(20_000)}}`],
  ])('stand before the parser: %s', (_, text) => {
    expect(() => parseOperation(text)).toThrow(expect.objectContaining({ code: 'COMPOSER_GRAPHQL_LIMIT' }));
  });

  it.each([
    ['{ a', /Syntax Error.*line 1, column 4/],
    ['type A { b: Int }', /no definitions of types/],
  ])('are for GraphQL alone: %s', (text, message) => {
    expect(() => parseOperation(text)).toThrow(message);
  });
});
