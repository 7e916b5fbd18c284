import { describe, expect, it } from '@jest/globals';
import { plainInputFaults, storableJson } from './plain-input.js';

describe('plainInputFaults', () => {
  it('lets whole text through, in every language', () => {
    const input = {
      label: 'grüße 👩‍👧 \u202e \u0001',
      tags: ['\uffff', ''],
      open_api: { spec: { 'x-👋': [null, 7, true] } },
    };
    expect(plainInputFaults(input)).toEqual([]);
    for (const value of ['text', null, 7, [], undefined]) expect(plainInputFaults(value)).toEqual([]);
  });

  it('names what cannot be stored by its path, in texts and in keys', () => {
    const input = { label: 'a\u0000', tags: ['b', '\ud800'], open_api: { spec: { 'c\udc00': 1 } } };
    expect(
      plainInputFaults(input)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['label', 'open_api.spec', 'tags.1']);
  });

  it('refuses what nests too deep, however deep', () => {
    const bomb = JSON.parse(`${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`) as unknown;
    expect(plainInputFaults(bomb)).toEqual([{ path: 'a', message: 'nests deeper than 200 levels' }]);
  });

  it('refuses more values than a specification has, in lists and in objects', () => {
    const lists = { open_api: { spec: { x: Array.from({ length: 90_000 }, () => ({ a: 1, b: [] })) } } };
    expect(plainInputFaults(lists)).toEqual([{ path: 'open_api', message: 'holds more than 250000 values' }]);
    const enough = { open_api: { spec: { x: Array.from({ length: 80_000 }, () => ({ a: 1, b: 'c' })) } } };
    expect(plainInputFaults(enough)).toEqual([]);
  });

  it('stops looking when it has found enough', () => {
    expect(plainInputFaults(Array.from({ length: 10_000 }, () => '\u0000'))).toHaveLength(20);
  });
});

describe('storableJson', () => {
  it('replaces what cannot be stored and nothing else', () => {
    const value = { 'k\u0000': ['\ud83d', '👋', '\\u0000'], other: { n: 1, none: undefined } };
    expect(JSON.parse(storableJson(value))).toEqual({ 'k\ufffd': ['\ufffd', '👋', '\\u0000'], other: { n: 1 } });
  });
});
