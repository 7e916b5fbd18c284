import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NamePattern } from './name-pattern.js';
import { NamePatterns } from './name-patterns.js';

/** The definition, word for word; takes forever on long input. */
function matchesByDefinition(pattern: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return name.length === 0;
  if (first === '*') {
    return matchesByDefinition(rest, name) || (name.length > 0 && matchesByDefinition(pattern, name.slice(1)));
  }
  return name.length > 0 && (first === '?' || first === name[0]) && matchesByDefinition(rest, name.slice(1));
}

const matches = (pattern: string, name: string) => new NamePattern(pattern).matches(name);

describe('NamePattern', () => {
  it.each([
    ['crm_find', 'crm_find', true],
    ['crm_find', 'crm_find_all', false],
    ['crm_*', 'crm_find', true],
    ['crm_*', 'crm_', true],
    ['crm_*', 'crm', false],
    ['*_find', 'crm_find', true],
    ['*', '', true],
    ['**', 'x', true],
    ['?', '', false],
    ['?', '😀', true],
    ['cr?_f*d', 'crm_find', true],
    ['', '', true],
    ['', 'x', false],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['CRM_*', 'crm_find', false],
  ])('%j takes %j: %s', (pattern, name, wanted) => {
    expect(matches(pattern, name)).toBe(wanted);
  });

  it('says what the definition says, whatever the pattern and the name', () => {
    const letters = fc.constantFrom('a', 'b', '_');
    const pattern = fc.array(fc.oneof(letters, fc.constantFrom('*', '?')), { maxLength: 10 });
    const name = fc.array(letters, { maxLength: 12 });
    fc.assert(
      fc.property(pattern, name, (tokens, characters) => {
        expect(matches(tokens.join(''), characters.join(''))).toBe(matchesByDefinition(tokens, characters));
      }),
      { numRuns: 3000 },
    );
  });

  it('keeps its places apart where a pattern is longer than a machine word', () => {
    for (const length of [31, 32, 33, 63, 64, 65, 200]) {
      const name = 'ab'.repeat(length).slice(0, length);
      expect(matches(`*${name}`, `x${name}`)).toBe(true);
      expect(matches(`${name}*?`, name)).toBe(false);
      expect(matches(`${name}?`, `${name}x`)).toBe(true);
      expect(matches(`?${name}`, `${name}x`)).toBe(false);
      expect(matches(`${name.slice(0, -1)}?`, name)).toBe(true);
    }
  });

  it('forgets one name before the next', () => {
    const pattern = new NamePattern('*ab');
    expect([pattern.matches('ab'), pattern.matches('a'), pattern.matches('b'), pattern.matches('xab')]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('takes as long for a character of a long name as for one of a short name, wherever the pattern could begin', () => {
    const pattern = new NamePattern(`${'*a'.repeat(60)}*b`);
    const timeOf = (length: number) => {
      const name = 'a'.repeat(length);
      const times = Array.from({ length: 9 }, () => {
        const begin = performance.now();
        for (let done = 0; done < 400_000; done += length) pattern.matches(name);
        return performance.now() - begin;
      });
      return Math.min(...times);
    };
    timeOf(4_000); // compiled by now
    // As many characters each time: a quadratic matcher needs 50 times as long for the long name, and one that goes
    // back never comes to an end.
    expect(timeOf(100_000) / timeOf(2_000)).toBeLessThan(5);
  });
});

describe('NamePatterns', () => {
  it('match when one of them does, names and patterns alike', () => {
    const patterns = new NamePatterns(['crm_find', 'erp_*', 'x?']);
    const names = ['crm_find', 'crm_find2', 'erp_', 'erp_pay', 'xy', 'x', '*', 'erp_*'];
    expect(names.map((name) => patterns.match(name))).toEqual([true, false, true, true, true, false, false, true]);
    expect(new NamePatterns([]).match('')).toBe(false);
  });

  it('judge any number of names, and as many patterns as take a bounded time', () => {
    const long = Array.from({ length: 100 }, (_, i) => `*a${i}b${'x'.repeat(250)}`);
    const names = Array.from({ length: 5_000 }, (_, i) => `n${i}`);
    const patterns = new NamePatterns([...names, ...long]);
    expect([patterns.match('n4999'), patterns.match(long[0]!.slice(1)), patterns.match(long[99]!.slice(1))]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
