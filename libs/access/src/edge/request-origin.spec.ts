import { afterEach, describe, expect, it } from '@jest/globals';
import { type Environment, setEnvironment } from '#config';
import { accessConfig } from '../access.config.js';
import { RequestOrigin } from './request-origin.js';

const open = (env: Environment = {}): RequestOrigin => {
  setEnvironment(env);
  return new RequestOrigin(accessConfig());
};

describe('RequestOrigin', () => {
  afterEach(() => setEnvironment(undefined));

  describe('as it is without settings', () => {
    it.each(['localhost', 'localhost:9000', 'LocalHost:1234', '127.0.0.1', '127.0.0.1:9000', '[::1]', '[::1]:9000'])(
      'serves Host %s',
      (host) => {
        expect(open().isAllowed({ host })).toBe(true);
      },
    );

    it.each([
      ['a name that an attacker lets point to loopback', 'evil.example'],
      ['the same with our port', 'evil.example:9000'],
      ['a wildcard DNS name', '127.0.0.1.nip.io:9000'],
      ['our name as a label of another', 'localhost.evil.example'],
      ['a name that ends in ours', 'evil-localhost'],
      ['a trailing dot', 'localhost.'],
      ['a trailing dot with a port', 'localhost.:9000'],
      ['user information', 'localhost@evil.example'],
      ['user information before ours', 'evil.example@localhost:9000'],
      ['two hosts', 'localhost, evil.example'],
      ['another loopback address', '127.0.0.2:9000'],
      ['a number for loopback', '2130706433:9000'],
      ['hexadecimal loopback', '0x7f.0.0.1'],
      ['IPv4 in IPv6', '[::ffff:127.0.0.1]:9000'],
      ['IPv6 written at length', '[0:0:0:0:0:0:0:1]'],
      ['IPv6 without brackets', '::1'],
      ['the address that means all of them', '0.0.0.0:9000'],
      ['a path', 'localhost/evil'],
      ['a port that is none', 'localhost:evil'],
      ['nothing', ''],
    ])('does not serve %s', (_, host) => {
      expect(open().isAllowed({ host })).toBe(false);
    });

    it('does not serve a request without a Host', () => {
      expect(open().isAllowed({})).toBe(false);
      expect(open().isAllowed({ origin: 'http://localhost' })).toBe(false);
    });

    it.each([
      'http://localhost',
      'http://localhost:5173',
      'HTTP://LOCALHOST:5173',
      'https://127.0.0.1:8443',
      'http://[::1]:3000',
      'http://127.0.0.1:9000',
    ])('serves pages of Origin %s', (origin) => {
      expect(open().isAllowed({ host: 'localhost:9000', origin })).toBe(true);
    });

    it.each([
      ['another site', 'https://evil.example'],
      ['a site with our port', 'http://evil.example:9000'],
      ['a page without an origin of its own', 'null'],
      ['an empty origin', ''],
      ['a doubled header', 'http://localhost, http://evil.example'],
      ['a doubled header, ours last', 'http://evil.example, http://localhost'],
      ['user information', 'http://evil.example@localhost'],
      ['user information that looks like ours', 'http://localhost@evil.example'],
      ['our name as a label of another', 'http://localhost.evil.example'],
      ['a wildcard DNS name', 'http://127.0.0.1.nip.io:9000'],
      ['a trailing dot', 'http://localhost.:9000'],
      ['a path', 'http://localhost/evil'],
      ['a query', 'http://localhost?evil'],
      ['an app of another scheme', 'evil-app://localhost'],
      ['a file', 'file://localhost'],
      ['a number for loopback', 'http://2130706433'],
      ['a backslash', 'http:\\\\localhost'],
    ])('does not serve %s', (_, origin) => {
      expect(open().isAllowed({ host: 'localhost:9000', origin })).toBe(false);
    });

    it('lets no good Origin make up for a foreign Host', () => {
      expect(open().isAllowed({ host: 'evil.example', origin: 'http://localhost:9000' })).toBe(false);
    });
  });

  describe('with settings', () => {
    const env = {
      PUBLIC_URL: 'https://mcp.example',
      ALLOWED_HOSTS: 'proxy.internal:8080,Any.example',
      ALLOWED_ORIGINS: 'https://app.example,pages.example,other.example:8443',
    };

    it.each([
      ['mcp.example', true],
      ['mcp.example:443', true],
      ['proxy.internal:8080', true],
      ['proxy.internal', false],
      ['proxy.internal:9090', false],
      ['any.example:1234', true],
      ['sub.any.example', false],
      ['localhost', false],
    ])('judges Host %s: %s', (host, verdict) => {
      expect(open(env).isAllowed({ host })).toBe(verdict);
    });

    it.each([
      ['https://mcp.example', true],
      ['http://mcp.example', false],
      ['https://app.example', true],
      ['https://app.example:8443', false],
      ['http://app.example', false],
      ['http://pages.example:81', true],
      ['https://other.example:8443', true],
      ['https://other.example', false],
      ['http://localhost', false],
    ])('judges Origin %s: %s', (origin, verdict) => {
      expect(open(env).isAllowed({ host: 'mcp.example', origin })).toBe(verdict);
    });

    it('serves an origin of another scheme that is listed as it is', () => {
      const origin = 'vscode-webview://panel';
      expect(open({ ALLOWED_ORIGINS: origin }).isAllowed({ host: '127.0.0.1:9000', origin })).toBe(true);
    });
  });
});
