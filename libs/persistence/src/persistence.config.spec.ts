import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Environment, setEnvironment } from '#config';
import { afterEach, describe, expect, it } from '@jest/globals';
import { randomKeys } from '../testing/index.js';
import { databaseConfig, keysConfig } from './persistence.config.js';

const SECRET = 'hunter2hunter2';

describe('database configuration', () => {
  it('is the embedded database under .data unless told otherwise', () => {
    expect(databaseConfig.check({})).toEqual([]);
  });

  it('leaves the address of another database alone in development', () => {
    expect(databaseConfig.check({ DATABASE_URL: 'postgres://h/d', CLOUDANT_URL: 'https://x.example' })).toEqual([]);
  });

  it.each([
    ['postgres without a URL', { DATABASE_TYPE: 'postgres' }, 'DATABASE_URL'],
    ['a URL of something else', { DATABASE_TYPE: 'postgres', DATABASE_URL: `http://u:${SECRET}@h/d` }, 'DATABASE_URL'],
    ['what is no URL', { DATABASE_TYPE: 'postgres', DATABASE_URL: SECRET }, 'DATABASE_URL'],
    ['a database that it does not know', { DATABASE_TYPE: SECRET }, 'DATABASE_TYPE'],
    [
      'a URL that is not used',
      { COMPOSER_STAGE: 'production', DATABASE_URL: `postgres://u:${SECRET}@h/d` },
      'DATABASE_URL',
    ],
    ['a Cloudant that is not used', { COMPOSER_STAGE: 'staging', CLOUDANT_URL: `https://${SECRET}` }, 'CLOUDANT_URL'],
  ])('refuses %s, by name and without the value', (_, env, variable) => {
    const problems = databaseConfig.check(env);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${variable}: `));
    expect(problems.join()).not.toContain(SECRET);
  });
});

describe('the configuration of Cloudant', () => {
  const base = { DATABASE_TYPE: 'cloudant', CLOUDANT_URL: 'https://x.cloudantnosqldb.appdomain.cloud/' };
  const iam = { ...base, CLOUDANT_APIKEY: SECRET };
  const named = { ...base, CLOUDANT_USERNAME: 'u', CLOUDANT_PASSWORD: SECRET };
  const read = (env: Environment) => {
    setEnvironment(env);
    return databaseConfig();
  };
  afterEach(() => setEnvironment(undefined));

  it('is IAM and mcp_servers unless told otherwise', () => {
    expect(read(iam)).toEqual({
      type: 'cloudant',
      url: 'https://x.cloudantnosqldb.appdomain.cloud',
      database: 'mcp_servers',
      authentication: { type: 'iam', apikey: SECRET },
    });
  });

  it.each([
    ['BASIC', 'basic'],
    ['basic', 'basic'],
    ['COUCHDB_SESSION', 'session'],
    ['session', 'session'],
  ])('takes %s', (CLOUDANT_AUTH_TYPE, type) => {
    expect(read({ ...named, CLOUDANT_AUTH_TYPE })).toMatchObject({
      authentication: { type, username: 'u', password: SECRET },
    });
  });

  it('takes the secret from a file, and the address of IAM by either name', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'cloudant-')), 'apikey');
    writeFileSync(file, `${SECRET}\n`);
    for (const name of ['CLOUDANT_IAM_URL', 'CLOUDANT_AUTH_URL']) {
      expect(read({ ...base, CLOUDANT_APIKEY_FILE: file, [name]: 'https://iam.example' })).toMatchObject({
        authentication: { type: 'iam', apikey: SECRET, url: 'https://iam.example' },
      });
    }
  });

  it('takes http on loopback in development', () => {
    for (const host of ['127.0.0.1:5984', 'localhost', '[::1]:1']) {
      expect(
        databaseConfig.check({ ...iam, CLOUDANT_URL: `http://${host}`, CLOUDANT_IAM_URL: `http://${host}` }),
      ).toEqual([]);
    }
  });

  it.each([
    ['no address', { ...iam, CLOUDANT_URL: '' }, ['CLOUDANT_URL']],
    ['no key for IAM', base, ['CLOUDANT_APIKEY']],
    ['nobody to log in', { ...base, CLOUDANT_AUTH_TYPE: 'BASIC' }, ['CLOUDANT_USERNAME', 'CLOUDANT_PASSWORD']],
    ['another way in', { ...iam, CLOUDANT_AUTH_TYPE: 'NOAUTH' }, ['CLOUDANT_AUTH_TYPE']],
    ['what is no URL', { ...iam, CLOUDANT_URL: SECRET }, ['CLOUDANT_URL']],
    ['a URL with a credential', { ...iam, CLOUDANT_URL: `https://u:${SECRET}@x.example` }, ['CLOUDANT_URL']],
    ['a URL with a query', { ...iam, CLOUDANT_URL: `https://x.example/?key=${SECRET}` }, ['CLOUDANT_URL']],
    [
      'http elsewhere',
      { ...iam, CLOUDANT_URL: 'http://10.0.0.7', CLOUDANT_IAM_URL: 'http://iam' },
      ['CLOUDANT_URL', 'CLOUDANT_IAM_URL'],
    ],
    [
      'http in production',
      { ...iam, COMPOSER_STAGE: 'production', CLOUDANT_URL: 'http://127.0.0.1' },
      ['CLOUDANT_URL'],
    ],
    ['no name of a database', { ...iam, CLOUDANT_DATABASE: '../_users' }, ['CLOUDANT_DATABASE']],
  ])('refuses %s, by name and without the value', (_, env, variables) => {
    const problems = databaseConfig.check(env);
    expect(problems.map((problem) => problem.split(': ')[0])).toEqual(variables);
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

  it('finds faults in a file too, of the operator or generated, before anything is started', () => {
    const directory = mkdtempSync(join(tmpdir(), 'mcpc-config-'));
    try {
      const [file, good] = [join(directory, 'keys'), randomKeys('k1')];
      const given = { COMPOSER_STAGE: 'production', COMPOSER_KEYS_FILE: file };
      const generated = { COMPOSER_DATA_DIR: directory };
      expect(keysConfig.check(given)).toEqual([expect.stringMatching(/^COMPOSER_KEYS_FILE: cannot be read/)]);
      expect(keysConfig.check(generated)).toEqual([]);
      writeFileSync(file, good);
      expect([...keysConfig.check(given), ...keysConfig.check(generated)]).toEqual([]);
      writeFileSync(file, good.slice(0, 20));
      expect(keysConfig.check(given)).toEqual([expect.stringMatching(/^COMPOSER_KEYS: key "k1" /)]);
      expect(keysConfig.check(generated)).toEqual([expect.stringMatching(/^COMPOSER_DATA_DIR: .* key "k1" /)]);
      expect(keysConfig.check(generated).join()).not.toContain(good.slice(3, 20));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
