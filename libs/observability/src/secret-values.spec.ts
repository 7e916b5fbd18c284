import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SecretValues } from './secret-values.js';

const holding = (...values: string[]): SecretValues => {
  const secrets = new SecretValues();
  for (const value of values) secrets.remember(value);
  return secrets;
};

const SECRET = 'pä"ss w/o\\rd+?&=\n';
const inAscii = (json: string): string =>
  json.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
const inHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
const SPELLINGS: Record<string, (value: string) => string> = {
  'as it is': (value) => value,
  'in JSON': (value) => JSON.stringify({ key: value }),
  'in a path': (value) => `/reset/${encodeURIComponent(value)}/confirm`,
  'in a query': (value) => `/search?${new URLSearchParams({ key: value, page: '2' }).toString()}`,
  'in base64': (value) => `token ${Buffer.from(value).toString('base64')}.`,
  'in base64url': (value) => `token ${Buffer.from(value).toString('base64url')}.`,
  'in hex': (value) => Buffer.from(value).toString('hex'),
  'in hex of capitals': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  'in the JSON of Python': (value) => inAscii(JSON.stringify({ key: value })),
  'in the JSON of PHP': (value) => inAscii(JSON.stringify({ key: value })).replaceAll('/', '\\/'),
  'in HTML': (value) => `<p>${inHtml(value)}</p>`,
  'in a path of small letters': (value) =>
    `/reset/${encodeURIComponent(value).replaceAll(/%../g, (octet) => octet.toLowerCase())}/confirm`,
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

  it.each(['ann', 'anna', 'hanna'])('masks it as a part of what is in base64, behind %s', (user) => {
    const { length } = user;
    const masked = holding(SECRET).mask(`Basic ${Buffer.from(`${user}:${SECRET}`).toString('base64')}`);
    expect(masked).toMatch(/^Basic \S{4,9}\[secret\]\S{0,4}$/);
    const left = Buffer.from(masked.replace(/^Basic |\[secret\].*$/g, ''), 'base64').toString('latin1');
    expect(left.length).toBeLessThanOrEqual(length + 3);
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

  it('keeps a secret until every owner has told it to forget', () => {
    const secrets = holding('sesame-1', 'sesame-1');
    secrets.forget('sesame-1');
    expect(secrets.mask('sesame-1')).toBe('[secret]');
    secrets.forget('sesame-1');
    expect(secrets.mask('sesame-1')).toBe('sesame-1');
    secrets.forget('sesame-1');
    secrets.remember('sesame-1');
    expect(secrets.mask('sesame-1')).toBe('[secret]');
  });

  it('keeps a spelling that two secrets have in common until both are forgotten', () => {
    const encoded = Buffer.from('sesame-1').toString('hex');
    const secrets = holding('sesame-1', encoded);
    secrets.forget('sesame-1');
    expect(secrets.mask(encoded)).toBe('[secret]');
    secrets.forget(encoded);
    expect(secrets.mask(encoded)).toBe(encoded);
  });

  it('leaves nothing of secrets that overlap', () => {
    const secrets = holding('abcdef', 'cdefghij', 'defghi');
    expect(secrets.mask('-abcdefghij-abcdef-')).toBe('-[secret]-[secret]-');
  });

  it('takes no more time for many secrets than for few, and time in proportion to the text', () => {
    const costOf = (secrets: SecretValues, text: string): number => {
      const runs = Array.from({ length: 5 }, () => {
        const { user } = process.cpuUsage();
        secrets.mask(text);
        return process.cpuUsage().user - user;
      });
      return Math.max(Math.min(...runs), 1_000);
    };
    const numbered = (count: number) =>
      holding(...Array.from({ length: count }, (_, at) => `${at}-secret-${at}-number`));
    const text = 'a line of the log, 77 ms, server crm; '.repeat(10_000);
    const [few, many] = [numbered(10), numbered(20_000)];
    expect(costOf(many, text) / costOf(few, text)).toBeLessThan(10);
    expect(costOf(many, text.repeat(4)) / costOf(many, text)).toBeLessThan(12);
  });

  it('forgets the oldest secret rather than growing without bound', () => {
    const secrets = new SecretValues();
    for (let i = 0; i <= 50_000; i++) secrets.remember(`secret-number-${i}`);
    expect(secrets.mask('secret-number-0')).toBe('secret-number-0');
    expect(secrets.mask('secret-number-50000')).toBe('[secret]');
  });
});
