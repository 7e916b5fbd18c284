import { describe, expect, it } from '@jest/globals';
import { buildSchema, introspectionFromSchema } from 'graphql';
import { ComposerError } from '#kernel';
import { SHOP_SDL } from '../../testing/shop-schema.js';
import { compileSchema } from './compile-schema.js';

const OPTIONS = { fields: true, operations: [], taken: [] };
const SOURCE = JSON.stringify(introspectionFromSchema(buildSchema(SHOP_SDL), { oneOf: true }));
const VALUES = [null, 7, '', '__proto__', 'User', 'UserFilter', 'Role', [], {}, { kind: 'LIST', ofType: null }, true];
const COUNT = 60;

/** Numbers that are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Node = Record<string, unknown>;

/** Puts something else where something stood, in some places. */
function mutated(seed: number): string {
  const next = numbers(seed);
  const document = JSON.parse(SOURCE) as Node;
  const places: (readonly [Node, string])[] = [];
  const walk = (node: Node): void => {
    for (const [key, value] of Object.entries(node)) {
      places.push([node, key]);
      if (typeof value === 'object' && value !== null) walk(value as Node);
    }
  };
  walk(document);
  for (let count = 1 + next(3); count > 0; count--) {
    const [node, key] = places[next(places.length)]!;
    const [other, otherKey] = places[next(places.length)]!;
    const kind = next(3);
    if (kind === 0) delete node[key];
    else node[key] = kind === 1 ? VALUES[next(VALUES.length)] : structuredClone(other[otherKey]);
  }
  return JSON.stringify(document);
}

describe('a schema that a stranger has written', () => {
  it('gives tools or a reason, whatever is wrong with it', () => {
    const outcomes = { tools: 0, refused: 0 };
    for (let seed = 1; seed <= COUNT; seed++) {
      try {
        const { operations } = compileSchema(Buffer.from(mutated(seed)), OPTIONS);
        outcomes.tools++;
        for (const { definition } of operations) expect(() => JSON.parse(definition) as unknown).not.toThrow();
      } catch (error) {
        if (!(error instanceof ComposerError)) throw new Error(`seed ${seed}`, { cause: error });
        outcomes.refused++;
      }
    }
    expect(outcomes.tools).toBeGreaterThan(COUNT / 4);
    expect(outcomes.refused).toBeGreaterThan(COUNT / 10);
  });
});
