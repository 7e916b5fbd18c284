import { describe, expect, it } from '@jest/globals';
import { costRatio } from '../testing/index.js';
import { jsonExcess } from './json-parts.js';

const MOST = 500_000;
const MOST_OF_ONE = 100_000;
const MOST_NAMES = 30_000;
const SMALL = 100;

describe('what JSON text has too much of', () => {
  it.each([
    ['numbers', '1', 0],
    ['objects', '{}', 1],
    ['lists', '[]', 1],
    ['texts', '"a,[{"', 0],
    ['texts with escapes', JSON.stringify('"[,\\'), 0],
  ])('is told where it has more than a specification, at one place or in all: %s', (_, item, parts) => {
    const list = (count: number) => `[${`${item},`.repeat(count - 1)}${item}]`;
    expect(JSON.parse(list(2))).toHaveLength(2);
    expect(jsonExcess(list(MOST_OF_ONE))).toBeUndefined();
    expect(jsonExcess(list(MOST_OF_ONE + 1))).toBe('holds too many values');
    // Each of these lists has a part for itself, one for the comma before it, and those of 100 items.
    const lists = (count: number) => `[${`${list(100)},`.repeat(count)}1]`;
    const enough = Math.floor((MOST - 1) / (101 + 100 * parts));
    expect(jsonExcess(lists(enough))).toBeUndefined();
    expect(jsonExcess(lists(enough + 1))).toBe('holds too many values');
  });

  it('is told where its large objects have more names than a specification, in one of them or in all', () => {
    const object = (count: number) => `{${Array.from({ length: count }, (_, n) => `"k${n}":1`).join()}}`;
    expect(Object.keys(JSON.parse(object(3)))).toHaveLength(3);
    expect(jsonExcess(object(SMALL + MOST_NAMES))).toBeUndefined();
    expect(jsonExcess(object(SMALL + MOST_NAMES + 1))).toBe('holds too many names');
    const objects = (count: number, size: number) => `[${Array(count).fill(object(size)).join()}]`;
    expect(jsonExcess(objects(10, SMALL + MOST_NAMES / 10))).toBeUndefined();
    expect(jsonExcess(objects(10, SMALL + MOST_NAMES / 10 + 1))).toBe('holds too many names');
    expect(jsonExcess(objects(1_000, SMALL))).toBeUndefined();
  });

  it('is told where it nests deeper than anything that is read', () => {
    expect(jsonExcess(`${'['.repeat(1_000)}${']'.repeat(1_000)}`)).toBeUndefined();
    expect(jsonExcess(`${'{"a":['.repeat(501)}${']}'.repeat(501)}`)).toBe('nests too deep');
    expect(jsonExcess(`[${'[],'.repeat(2_000)}1]`)).toBeUndefined();
  });

  it('is nothing in text without any', () => {
    for (const text of ['', '7', '"a,b"', '[1,"never ends,[[']) expect(jsonExcess(text)).toBeUndefined();
  });

  it.each(['"', '\\', '"\\', '"\\\\', '"a"', ' '])('is found in linear time: %j', (part) => {
    const count = (size: number) => void jsonExcess(`["${part.repeat(size / part.length)}`);
    expect(costRatio(count, [250_000, 2_000_000])).toBeLessThan(32);
  });
});
