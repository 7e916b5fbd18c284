import { describe, expect, it } from '@jest/globals';
import { costRatio } from '../testing/index.js';
import { jsonExcess } from './json-parts.js';

const MOST = 500_000;

describe('what JSON text has too much of', () => {
  it.each([
    ['numbers', '1,', 1],
    ['objects', '{},', 2],
    ['lists', '[],', 2],
    ['texts', '"a,[{",', 1],
    ['texts with escapes', `${JSON.stringify('"[,\\')},`, 1],
  ])('is told where it has more than a specification: %s', (_, item, parts) => {
    const list = (count: number) => `[${item.repeat(count)}1]`;
    const enough = Math.floor((MOST - 1) / parts);
    expect(JSON.parse(list(2))).toHaveLength(3);
    expect(jsonExcess(list(enough))).toBeUndefined();
    expect(jsonExcess(list(enough + 1))).toBe('holds too many values');
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
