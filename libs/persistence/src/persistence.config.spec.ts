import { describe, expect, it } from '@jest/globals';
import { randomKeys } from '../testing/index.js';
import { databaseConfig, keysConfig } from './persistence.config.js';

const SECRET = 'hunter2hunter2';

describe('database configuration', () => {
  it('is the embedded database under .data unless told otherwise', () => {
    expect(databaseConfig.check({})).toEqual([]);
  });

  it.each([
    ['postgres without a URL', { DATABASE_TYPE: 'postgres' }, 'DATABASE_URL'],
    ['a URL of something else', { DATABASE_TYPE: 'postgres', DATABASE_URL: `http://u:${SECRET}@h/d` }, 'DATABASE_URL'],
    ['what is no URL', { DATABASE_TYPE: 'postgres', DATABASE_URL: SECRET }, 'DATABASE_URL'],
    ['a database that it does not know', { DATABASE_TYPE: SECRET }, 'DATABASE_TYPE'],
    ['Cloudant, for now', { DATABASE_TYPE: 'cloudant' }, 'DATABASE_TYPE'],
    [
      'a URL that is not used',
      { COMPOSER_STAGE: 'production', DATABASE_URL: `postgres://u:${SECRET}@h/d` },
      'DATABASE_URL',
    ],
  ])('refuses %s, by name and without the value', (_, env, variable) => {
    const problems = databaseConfig.check(env);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${variable}: `));
    expect(problems.join()).not.toContain(SECRET);
  });
});

describe('key ring configuration', () => {
  it('may be absent in development alone', () => {
    expect(keysConfig.check({})).toEqual([]);
    for (const stage of ['staging', 'production']) {
      const problems = keysConfig.check({ COMPOSER_STAGE: stage });
      expect(problems.join()).toMatch(/^COMPOSER_KEYS: .*openssl rand -base64 32/);
    }
  });

  it('takes keys on one line or several', () => {
    expect(keysConfig.check({ COMPOSER_KEYS: randomKeys('a', 'b') })).toEqual([]);
    expect(keysConfig.check({ COMPOSER_KEYS: `${randomKeys('a')}\n${randomKeys('b')}\n` })).toEqual([]);
  });

  it('refuses a bad key in development too, with the remedy and without a value', () => {
    const weak = Buffer.alloc(32, 7).toString('base64');
    for (const stage of ['development', 'production']) {
      const problems = keysConfig.check({ COMPOSER_STAGE: stage, COMPOSER_KEYS: `${randomKeys('good')},k2:${weak}` });
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(/^COMPOSER_KEYS: key "k2" .*openssl rand -base64 32/);
      expect(problems[0]).not.toContain(weak);
    }
  });
});
