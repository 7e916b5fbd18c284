import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LinearPattern, isHarmlessPattern } from './linear-pattern.js';

const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '-', '\\/', '[a-c0-9_]', '(?:a)', '(?<x>b)');
const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,}', '{0,3}', '*?');
const sequence = fc.array(fc.tuple(atom, quantifier), { maxLength: 4 }).map((parts) => parts.flat().join(''));
const pattern = fc
  .tuple(
    fc.constantFrom('', '^'),
    fc.array(sequence, { minLength: 1, maxLength: 3 }),
    quantifier,
    fc.constantFrom('', '$'),
  )
  .map(([start, options, times, end]) => `${start}(${options.join('|')})${times}${end}`)
  // Two groups of one name are a syntax error, and no quantifier may follow another.
  .filter((source) => source.split('?<x>').length < 3);
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '/', '-', '_', '\n'), maxLength: 12 });

describe('LinearPattern', () => {
  it('finds what the built-in engine finds', () => {
    const property = fc.property(pattern, text, (source, subject) => {
      expect(LinearPattern.compile(source)?.isFoundIn(subject)).toBe(new RegExp(source).test(subject));
    });
    fc.assert(property, { numRuns: 5_000 });
  });

  it.each(['(a+)+$', '^(a|a)*$', '(a*)*b', '^(([a-z])+.)+[A-Z]([a-z])+$', '.*.*.*.*.*.*.*.*.*x'])(
    'ends after a number of steps that grows with the text alone: %s',
    (source) => {
      // A backtracking engine needs more steps than there are atoms in the sea for these.
      expect(LinearPattern.compile(source)?.isFoundIn(`${'a'.repeat(500)}!`)).toBe(false);
    },
  );

  it.each([
    '(',
    ')',
    'a**',
    '[',
    '[b-a]',
    '*a',
    'a{2,1}',
    'a{1000}',
    '\\1',
    '(?=a)',
    '(?<!a)',
    '\\bx',
    '\\A',
    '^*',
    `${'a'.repeat(257)}`,
    '((a{100}){100}){100}',
  ])('does not compile %s', (source) => {
    expect(LinearPattern.compile(source)).toBeUndefined();
  });

  it('reads groups as Python names them', () => {
    expect(LinearPattern.compile('/(?P<kind>pets|shops)/')?.isFoundIn('/v1/shops/x')).toBe(true);
  });
});

describe('braces that are no quantifier', () => {
  it.each([
    ['^/users/{user_id}$', '/users/{user_id}', '/users/7'],
    ['/[^/]+/{id}/x', '/a/{id}/x', '/a/b/x'],
    ['^a{}{x}+$', 'a{}{x}}', 'a'],
    ['^[a-z]{2}{id}', 'ab{id}', 'a{id}'],
  ])('stand for themselves in %s, as Python has it', (source, found, other) => {
    const pattern = LinearPattern.compile(source);
    expect([pattern?.isFoundIn(found), pattern?.isFoundIn(other)]).toEqual([true, false]);
    // A validator that reads schemas with the flag `u` refuses them.
    expect(isHarmlessPattern(source)).toBe(false);
  });

  it.each(['{2}', 'a{,3}', '{1,}', 'a+{2}', 'a{1001}'])('is not so in %s', (source) => {
    expect(LinearPattern.compile(source)).toBeUndefined();
  });
});

describe('isHarmlessPattern', () => {
  it.each(['^[a-z]{2}$', '^\\d{4}-\\d{2}$', '^(foo|bar)$', '^[^@]+@[^@]+$', '(\\.[a-z]{2,3})?$'])(
    'keeps %s',
    (source) => {
      expect(isHarmlessPattern(source)).toBe(true);
    },
  );

  it.each(['^(a+)+$', '(a|a)*', '(a*)*', '(a|b|ab){1,30}', '(?=a)', '(.*a){20}'])('refuses %s', (source) => {
    expect(isHarmlessPattern(source)).toBe(false);
  });
});
