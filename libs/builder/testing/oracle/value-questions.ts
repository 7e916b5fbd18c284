import fc from 'fast-check';

export type Kind = 'text' | 'number' | 'flag' | 'list' | 'object' | 'deep';
export type Place = 'path' | 'query' | 'header' | 'cookie';

/*
 * Characters that mean something somewhere. Path values leave out what the composer refuses in a path on purpose, and
 * headers what no header may hold: those have tests of their own. No `%` makes half a
 * character, which the oracle cannot be told to leave alone.
 */
const WORDS = ['a', 'B7', 'blue', '-._~', "!'()*", '$&+,;=:@', '%41', '100%-', '<>^`{|}"', 'é', '€', '👋'];
const texts = (words: readonly string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
const TEXTS: Readonly<Record<Place | 'body', fc.Arbitrary<string>>> = {
  path: texts([...WORDS.map((word) => word.replace('"', '')), ' ']).map((text) => `v${text}`),
  query: fc.oneof(texts([...WORDS, ' ', '/?#[]', '\n', '\\', '%2F', '%zz']), fc.constant('')),
  header: fc.oneof(
    texts(['a', 'B7', 'blue', "!'()*", '$&+,;=:@', '%41', '100%-', '<>^`{|}"', 'é', ' ']),
    fc.constant(''),
  ),
  cookie: fc.oneof(texts([...WORDS, ' ', '\n']), fc.constant('')),
  body: fc.oneof(texts([...WORDS, ' ', '\r\n', '"', '\\', '\0']), fc.string({ maxLength: 9 }), fc.constant('')),
};
const NUMBERS = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1.5, 1e21, 1e-7));
const MEMBER_NAMES = ['R', 'G', 'x-y', 'a b', 'ü', 'a&b'];

/** Values of a kind that may stand in a place. */
export function valuesOf(kind: Kind, place: Place | 'body'): fc.Arbitrary<unknown> {
  const text = TEXTS[place];
  const scalar = fc.oneof({ arbitrary: text, weight: 3 }, NUMBERS, fc.boolean());
  const member = fc.oneof({ arbitrary: scalar, weight: 6 }, fc.constant(null));
  const filled = (value: unknown): boolean => Object.values(value as object).some((one) => one !== null);
  const least = place === 'path' ? filled : (): boolean => true;
  switch (kind) {
    case 'text':
      return text;
    case 'number':
      return NUMBERS;
    case 'flag':
      return fc.boolean();
    case 'list':
      return fc.array(member, { maxLength: 4 }).filter(least);
    case 'object':
      return fc
        .dictionary(fc.constantFrom(...MEMBER_NAMES), member, { maxKeys: 4, noNullPrototype: true })
        .filter(least);
    case 'deep': {
      const inner = fc.dictionary(fc.constantFrom('p', 'q'), member, { maxKeys: 2, noNullPrototype: true });
      return fc.dictionary(
        fc.constantFrom('a', 'b', 'c d'),
        fc.oneof(member, inner, fc.array(scalar, { maxLength: 2 })),
        {
          maxKeys: 3,
          noNullPrototype: true,
        },
      );
    }
  }
}

/** Schemas of the kinds. */
export const SCHEMAS: Readonly<Record<Kind, object>> = {
  text: { type: 'string' },
  number: { type: 'number' },
  flag: { type: 'boolean' },
  list: { type: 'array', items: {} },
  object: { type: 'object', additionalProperties: true },
  deep: { type: 'object', additionalProperties: true },
};

export const BODY_TEXTS = TEXTS.body;
