import { setEnvironment } from '#config';
import { afterEach, describe, expect, it } from '@jest/globals';
import { stdioConfig } from './stdio.config.js';

describe('STDIO_ALLOWLIST', () => {
  afterEach(() => setEnvironment(undefined));

  const given = (variables: Record<string, string>) => {
    setEnvironment(variables);
    return stdioConfig();
  };

  it('is empty unless it is given', () => {
    expect(given({})).toEqual({ allowed: [], maxProcesses: 32, aliases: [] });
  });

  it('holds absolute paths with commas between them', () => {
    expect(given({ STDIO_ALLOWLIST: ' /usr/bin/a,/opt/b c , ' }).allowed).toEqual(['/usr/bin/a', '/opt/b c']);
  });

  it('is read under its old name, unless the new one is given, even empty', () => {
    const old = { MCP_COMPOSER_STDIO_ALLOWLIST: '/usr/bin/a' };
    expect(given(old)).toMatchObject({ allowed: ['/usr/bin/a'], aliases: ['MCP_COMPOSER_STDIO_ALLOWLIST'] });
    expect(given({ ...old, STDIO_ALLOWLIST: '' }).allowed).toEqual([]);
    expect(given({ ...old, STDIO_ALLOWLIST: '/b' }).allowed).toEqual(['/b']);
  });

  it.each([
    [{ STDIO_ALLOWLIST: '/a,node' }, 'STDIO_ALLOWLIST: entry 2 is not an absolute path'],
    [{ STDIO_ALLOWLIST: '/a:/b,../c' }, 'STDIO_ALLOWLIST: entry 2 is not an absolute path'],
    [{ MCP_COMPOSER_STDIO_ALLOWLIST: '*' }, 'MCP_COMPOSER_STDIO_ALLOWLIST: entry 1 is not an absolute path'],
    [{ STDIO_MAX_PROCESSES: '0' }, 'STDIO_MAX_PROCESSES: must be at least 1'],
  ])('refuses %j', (variables, problem) => {
    setEnvironment(variables);
    expect(stdioConfig.check()).toEqual([problem]);
  });
});
