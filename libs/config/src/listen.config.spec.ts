import { afterEach, describe, expect, it } from '@jest/globals';
import { type Environment, setEnvironment } from './environment.js';
import { listenConfig } from './listen.config.js';

const read = (env: Environment) => {
  setEnvironment(env);
  return listenConfig();
};

describe('listenConfig', () => {
  afterEach(() => setEnvironment(undefined));

  it('listens on loopback port 9000 unless told otherwise', () => {
    expect(read({})).toEqual({
      host: '127.0.0.1',
      port: 9000,
      publicUrl: 'http://127.0.0.1:9000',
      isLoopback: true,
      aliases: [],
    });
  });

  it('makes the public URL of host and port, IPv6 in brackets', () => {
    expect(read({ HOST: '::1', PORT: '80' }).publicUrl).toBe('http://[::1]:80');
  });

  it('takes PUBLIC_URL as it is, without a slash at the end', () => {
    expect(read({ PUBLIC_URL: 'https://mcp.example/base//' }).publicUrl).toBe('https://mcp.example/base');
  });

  it.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.1.2.3', '::1'])('knows %s as loopback', (HOST) => {
    expect(read({ HOST }).isLoopback).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'localhost.example', 'my-localhost', '127.1'])(
    'does not take %s for loopback',
    (HOST) => {
      expect(read({ HOST }).isLoopback).toBe(false);
    },
  );

  it.each([
    [{ PORT: 'x' }, 'PORT'],
    [{ PORT: '-1' }, 'PORT'],
    [{ PORT: '65536' }, 'PORT'],
    [{ PORT: '80.5' }, 'PORT'],
    [{ PUBLIC_URL: 'mcp.example' }, 'PUBLIC_URL'],
    [{ PUBLIC_URL: 'ftp://mcp.example' }, 'PUBLIC_URL'],
    [{ HOST: 'two words' }, 'HOST'],
    [{ HOST: '[::1]' }, 'HOST'],
  ])('refuses %j by name', (env: Environment, name) => {
    expect(listenConfig.check(env)).toEqual([expect.stringMatching(`^${name}: `)]);
  });

  it.each([
    [{ OAUTH_BASE_URL: 'https://a.example/', OAUTH_SERVER_URL: 'https://b.example' }, 'https://a.example'],
    [{ OAUTH_SERVER_URL: 'https://b.example', OAUTH_HOST: 'c.example' }, 'https://b.example'],
    [{ OAUTH_HOST: 'c.example', OAUTH_PORT: '8080' }, 'http://c.example:8080'],
    [{ OAUTH_HOST: 'localhost' }, 'http://localhost:9000'],
    [{ OAUTH_PORT: '8000' }, 'http://127.0.0.1:8000'],
    [{ OAUTH_HOST: 'c.example', PUBLIC_URL: 'https://p.example' }, 'https://p.example'],
  ])('takes the old names of the public address, and tells of them: %j', (env: Environment, publicUrl) => {
    const old = Object.keys(env).filter((name) => name.startsWith('OAUTH_'));
    expect(read(env)).toMatchObject({ publicUrl, aliases: old, host: '127.0.0.1', port: 9000 });
  });

  it.each([
    [{ OAUTH_BASE_URL: 'nonsense' }, 'OAUTH_BASE_URL'],
    [{ OAUTH_HOST: 'two words' }, 'OAUTH_HOST'],
    [{ OAUTH_PORT: 'x' }, 'OAUTH_PORT'],
    [{ PUBLIC_URL: 'https://mcp.example/?x=1' }, 'PUBLIC_URL'],
  ])('refuses %j by name', (env: Environment, name) => {
    expect(listenConfig.check(env)).toEqual([expect.stringMatching(`^${name}: `)]);
  });

  it('lets the system choose the port', () => {
    expect(read({ PORT: '0' }).port).toBe(0);
  });
});
