import { afterEach, describe, expect, it } from '@jest/globals';
import { ConfigError, type Environment, setEnvironment } from '#config';
import { accessConfig } from './access.config.js';

const read = (env: Environment) => {
  setEnvironment(env);
  return accessConfig();
};

describe('accessConfig', () => {
  afterEach(() => setEnvironment(undefined));

  it.each([
    ['development', '127.0.0.1', 'none'],
    ['development', '::1', 'none'],
    ['development', '0.0.0.0', 'required'],
    ['staging', '127.0.0.1', 'required'],
    ['production', '127.0.0.1', 'required'],
    ['production', '0.0.0.0', 'required'],
  ])('unless told otherwise, in %s on %s authentication is %s', (COMPOSER_STAGE, HOST, mode) => {
    expect(read({ COMPOSER_STAGE, HOST }).mode).toBe(mode);
  });

  it.each([
    ['development', '0.0.0.0'],
    ['development', '10.0.0.1'],
    ['development', '::'],
    ['staging', '127.0.0.1'],
    ['production', '127.0.0.1'],
    ['production', '0.0.0.0'],
  ])('refuses COMPOSER_AUTH=none in %s on %s', (COMPOSER_STAGE, HOST) => {
    const env = { COMPOSER_AUTH: 'none', COMPOSER_STAGE, HOST };
    expect(() => read(env)).toThrow(ConfigError);
    expect(() => read(env)).toThrow(/COMPOSER_AUTH: none is for development/);
  });

  it('can require authentication in development too', () => {
    expect(read({ COMPOSER_AUTH: 'required' }).mode).toBe('required');
  });

  it('serves loopback names and its own address, which it adds to what the operator lists', () => {
    const { hosts, origins } = read({ PUBLIC_URL: 'https://MCP.example:8443/base' });
    expect(hosts).toEqual(['localhost', '127.0.0.1', '[::1]', 'mcp.example:8443']);
    expect(origins).toEqual(['localhost', '127.0.0.1', '[::1]', 'https://mcp.example:8443']);
    expect(read({ ALLOWED_HOSTS: ' A.example , ,b.example:80 ', ALLOWED_ORIGINS: 'https://C.example' })).toMatchObject({
      hosts: ['a.example', 'b.example:80', '127.0.0.1:9000'],
      origins: ['https://c.example', 'http://127.0.0.1:9000'],
    });
  });

  it('believes the proxies that the operator lists, and no other entries', () => {
    expect(read({}).proxies).toEqual([]);
    expect(read({ TRUSTED_PROXIES: '10.0.0.0/8, 2001:DB8::1' }).proxies).toEqual(['10.0.0.0/8', '2001:db8::1']);
    for (const odd of ['proxy.example', '10.0.0.0/33', '*']) {
      expect(() => read({ TRUSTED_PROXIES: odd })).toThrow(/^[^]*TRUSTED_PROXIES: must be addresses/);
    }
  });

  it('tells the faults of the address that it is made from, and none twice', () => {
    setEnvironment({ PORT: 'x', COMPOSER_AUTH: 'none' });
    expect(accessConfig.check()).toEqual([expect.stringMatching(/^PORT: /)]);
  });
});
