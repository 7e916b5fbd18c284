import { afterEach, describe, expect, it } from '@jest/globals';
import { ConfigModule } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import { z } from 'zod';
import { ConfigError } from './config.errors.js';
import { checkSlices, configSlice } from './config-slice.js';
import { setEnvironment } from './environment.js';

const words = configSlice('words', z.object({ WORDS_LIST: z.string() }), ({ WORDS_LIST }) => ({
  words: WORDS_LIST.split(' '),
}));
const numbers = configSlice('numbers', z.object({ FIRST: z.coerce.number('must be a number') }), ({ FIRST }) => {
  if (FIRST > 9) throw new ConfigError(['FIRST: must be a digit']);
  return { first: FIRST };
});
const careless = configSlice('careless', z.object({}), (): object => {
  throw new TypeError('a bug');
});

describe('configSlice', () => {
  afterEach(() => setEnvironment(undefined));

  it('gives what was made of the variables, to classes that inject its key', async () => {
    setEnvironment({ WORDS_LIST: 'a b' });
    const module = await Test.createTestingModule({ imports: [ConfigModule.forFeature(words)] }).compile();
    expect(module.get(words.KEY)).toEqual({ words: ['a', 'b'] });
    expect(words()).toEqual({ words: ['a', 'b'] });
  });

  it('tells the problems of an environment without throwing, those of the schema and those found later', () => {
    expect(numbers.check({ FIRST: '1' })).toEqual([]);
    expect(numbers.check({ FIRST: 'x' })).toEqual(['FIRST: must be a number']);
    expect(numbers.check({ FIRST: '10' })).toEqual(['FIRST: must be a digit']);
  });

  it('hides no fault of its own code among the problems', () => {
    expect(() => careless.check({})).toThrow(TypeError);
  });
});

describe('checkSlices', () => {
  afterEach(() => setEnvironment(undefined));

  it('throws one error that lists the bad variables of all slices, each once', () => {
    setEnvironment({ FIRST: '77' });
    const check = () => checkSlices([words, numbers, numbers]);
    expect(check).toThrow(ConfigError);
    expect(check).toThrow(/^the environment does not fit: WORDS_LIST: [^;]+; FIRST: must be a digit$/);
  });

  it('throws nothing when everything fits', () => {
    setEnvironment({ FIRST: '7', WORDS_LIST: 'a' });
    expect(() => checkSlices([words, numbers])).not.toThrow();
  });
});
