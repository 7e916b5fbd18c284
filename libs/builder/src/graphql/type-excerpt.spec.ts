import { describe, expect, it } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import { parseOperation } from './parse-operation.js';
import { TypeExcerpt } from './type-excerpt.js';
import { typeTexts } from './type-texts.js';

const SDL = /* GraphQL */ `
  interface Named {
    name: String
  }
  interface Aged {
    age: Int
  }
  interface Loud {
    noise: String
  }
  type Cat implements Named & Aged {
    name: String
    age: Int
    friend: Named
    toys(of: Toys!): Int
  }
  type Dog implements Named {
    name: String
  }
  type Tree implements Aged {
    age: Int
  }
  type Horn implements Loud {
    noise: String
  }
  union Pet = Cat | Dog
  union Thing = Horn | Tree
  input Toys {
    count: Int!
    more: [Toys]
    other: Int
  }
  type Query {
    named: Named
    pet: Pet
    cat: Cat
  }
`;
const schema = buildSchema(SDL);
const excerpt = new TypeExcerpt(typeTexts(schema));

const selectionOf = (text: string) => parseOperation(text).definitions[0]!.selectionSet;
const faultsOf = (text: string, of = schema) => validate(of, parse(text)).map(({ message }) => message);

describe('a part of the types', () => {
  it.each([
    '{ named { ... on Aged { age } } }',
    '{ named { ... on Loud { noise } } }',
    '{ named { ... on Pet { __typename } } }',
    '{ named { ... on Thing { __typename } } }',
    '{ pet { ... on Aged { age } } }',
    '{ pet { ... on Thing { __typename } } }',
    '{ pet { ... on Cat { ... on Aged { ... on Pet { __typename } } } } }',
    '{ pet { ... on Tree { age } } }',
    '{ cat { ... on Pet { ... on Dog { name } } } }',
    '{ cat { ... on Thing { __typename } } }',
    '{ cat { friend { ... on Thing { ... on Horn { noise } } } } }',
    '{ cat { toys(of: { count: 1 }) } }',
    '{ cat { toys(of: { more: [{ count: 1 }] }) } }',
    '{ cat { toys(of: { count: 1, more: [{ other: 1 }] }) } }',
    '{ cat { toys(of: { count: "1" }) } }',
    '{ cat { toys } }',
  ])('judges %s as the whole does', (text) => {
    const [, field] = /^\{ (\w+)/.exec(text)!;
    const root = `${field}: ${String(schema.getQueryType()!.getFields()[field!]!.type)}`;
    expect(faultsOf(text, excerpt.schemaFor(root, selectionOf(text)))).toEqual(faultsOf(text));
  });

  it('is small, however many types an interface stands for', () => {
    const many = Array.from({ length: 500 }, (_, n) => `type T${n} implements A & B { a: Int b: Int t: T${n} }`);
    const large = buildSchema(
      `interface A { a: Int } interface B { b: Int } union U = ${many.map((_, n) => `T${n}`).join('|')}
       ${many.join(' ')} type Query { a: A }`,
    );
    const part = new TypeExcerpt(typeTexts(large)).schemaFor(
      'a: A',
      selectionOf('{ a { ... on B { b } ... on U { __typename } } }'),
    );
    const own = Object.keys(part.getTypeMap()).filter((name) => /^T\d/.test(name));
    expect(own).toEqual(['T0']);
  });

  it('holds nothing of what fields with the same names lead to elsewhere', () => {
    const ring = Array.from(
      { length: 50 },
      (_, n) => `type T${n} { next(of: I): T${(n + 1) % 50} other: T${n} a: Int }`,
    );
    const large = buildSchema(`input I { i: I } ${ring.join(' ')} type Query { first: T0 }`);
    const part = new TypeExcerpt(typeTexts(large)).schemaFor(
      'first: T0',
      selectionOf('{ first { next { next { a } } } }'),
    );
    expect(Object.keys(part.getTypeMap()).filter((name) => /^T\d/.test(name))).toEqual(['T0', 'T1', 'T2']);
  });
});
