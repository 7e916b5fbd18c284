import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SecretValues } from './secret-values.js';

const holding = (...values: string[]): SecretValues => {
  const secrets = new SecretValues();
  for (const value of values) secrets.remember(value);
  return secrets;
};

const SECRET = 'pä"ss w/o\\rd+?&=\n';
const SPELLINGS: Record<string, (value: string) => string> = {
  'as it is': (value) => value,
  'in JSON': (value) => JSON.stringify({ key: value }),
  'in a path': (value) => `/reset/${encodeURIComponent(value)}/confirm`,
  'in a query': (value) => `/search?${new URLSearchParams({ key: value, page: '2' }).toString()}`,
  'in base64': (value) => `token ${Buffer.from(value).toString('base64')}.`,
  'in base64url': (value) => `token ${Buffer.from(value).toString('base64url')}.`,
  'in hex': (value) => Buffer.from(value).toString('hex'),
};

describe('SecretValues', () => {
  it.each(Object.keys(SPELLINGS))('masks a secret %s', (name) => {
    const text = SPELLINGS[name]!(SECRET);
    const masked = holding(SECRET).mask(text);
    expect(masked).toContain('[secret]');
    expect(masked).not.toContain(
      SPELLINGS[name]!(SECRET)
        .replace(/^.*?=|^\/reset\//, '')
        .slice(0, 12),
    );
  });

  it('masks whatever secret, in every spelling, and leaves the text around it', () => {
    const secret = fc.string({ unit: 'grapheme', minLength: 6, maxLength: 40 });
    fc.assert(
      fc.property(secret, fc.constantFrom(...Object.values(SPELLINGS).slice(1)), (value, spell) => {
        const marked = spell(value);
        const masked = holding(value).mask(`before~${marked}~behind`);
        expect(masked).toMatch(/^before~.*\[secret\].*~behind$/su);
      }),
      { numRuns: 500 },
    );
  });

  it('masks every occurrence', () => {
    expect(holding('sesame-1').mask('sesame-1 sesame-1')).toBe('[secret] [secret]');
  });

  it('leaves nothing of a secret that begins with another one, in whatever order they came', () => {
    const [short, long] = ['sesame', 'sesame-and-more'];
    for (const secrets of [holding(short, long), holding(long, short)]) {
      expect(secrets.mask(`${long} ${short}`)).toBe('[secret] [secret]');
    }
  });

  it('ignores values that are too short to be told from ordinary text', () => {
    expect(holding('a', '12345').mask('a 12345')).toBe('a 12345');
  });

  it('takes text that is no well-formed Unicode', () => {
    expect(holding('sesame-\ud800').mask('sesame-\ud800')).toBe('[secret]');
  });

  it('masks no more what it was told to forget', () => {
    const secrets = holding('sesame-1', 'sesame-2');
    secrets.forget('sesame-1');
    expect(secrets.mask('sesame-1 sesame-2')).toBe('sesame-1 [secret]');
  });

  it('forgets the oldest secret rather than growing without bound', () => {
    const secrets = new SecretValues();
    for (let i = 0; i <= 50_000; i++) secrets.remember(`secret-number-${i}`);
    expect(secrets.mask('secret-number-0')).toBe('secret-number-0');
    expect(secrets.mask('secret-number-50000')).toBe('[secret]');
  });
});
