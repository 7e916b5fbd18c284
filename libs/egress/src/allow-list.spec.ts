import { ConfigError, setEnvironment } from '#config';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AllowList } from './allow-list.js';
import { egressConfig } from './egress.config.js';
import { ipLiteral } from './ip-address.js';

function parse(text: string): { list: AllowList; problems: string[] } {
  const problems: string[] = [];
  return { list: AllowList.parse(text, (problem) => problems.push(problem)), problems };
}

const allows = (text: string, host: string, port: number): boolean => {
  const { list } = parse(text);
  const ip = ipLiteral(host);
  return ip ? list.allowsAddress(ip, port) : list.allowsHost(host, port);
};

describe('AllowList', () => {
  it.each([
    ['127.0.0.1:9000', '127.0.0.1', 9000, true],
    ['127.0.0.1:9000', '127.0.0.1', 9001, false],
    ['127.0.0.1:9000', '127.0.0.2', 9000, false],
    ['10.0.0.0/8:443', '10.200.3.4', 443, true],
    ['10.0.0.0/8:443', '11.0.0.1', 443, false],
    ['10.0.0.0/8:*', '10.1.1.1', 1, true],
    ['10.0.0.0/8', '10.1.1.1', 65535, true],
    ['127.0.0.0/8', '::ffff:127.0.0.1', 80, true],
    ['[::ffff:127.0.0.0]/104:*', '127.0.0.1', 80, false],
    ['[::ffff:127.0.0.0/104]:*', '127.0.0.1', 80, true],
    ['[::1]:*', '::1', 80, true],
    ['[::1]:*', '127.0.0.1', 80, false],
    ['[fd00::/8]:8080', 'fd12::1', 8080, true],
    ['[fd00::/8]:8080', 'fd12::1', 8081, false],
    ['API.Example.com:8080', 'api.example.com', 8080, true],
    ['api.example.com:8080', 'evil.api.example.com', 8080, false],
    ['example.com', 'example.com', 22, true],
    [' a.test:1 , b.test:2 ,', 'b.test', 2, true],
  ])('%s against %s port %d: %s', (text, host, port, expected) => {
    expect(allows(text, host, port)).toBe(expected);
  });

  it.each([
    '*.example.com:443',
    '::1:443',
    '10.0.0.0/33',
    '10.0.0:80',
    '0x7f.1:80',
    'a:0',
    'a:65536',
    'a:b',
    'http://a',
    'a b',
    '[a]:1',
    'é.com',
    '10.0.0.0/8/8',
    '[::1',
    'a:1:2',
  ])('refuses the entry %s by its position', (entry) => {
    expect(parse(`ok.test:443,${entry}`).problems).toEqual([expect.stringMatching(/^entry 2 is not host:port/)]);
  });
});

describe('egressConfig', () => {
  afterEach(() => setEnvironment(undefined));

  const loopback = (env: Record<string, string>): boolean => {
    setEnvironment(env);
    return egressConfig().allow.allowsAddress(ipLiteral('127.0.0.1')!, 1234);
  };

  it('allows loopback in development and nowhere else, unless the variable is given', () => {
    expect(loopback({})).toBe(true);
    expect(loopback({ COMPOSER_STAGE: 'development' })).toBe(true);
    expect(loopback({ COMPOSER_STAGE: 'staging' })).toBe(false);
    expect(loopback({ COMPOSER_STAGE: 'production' })).toBe(false);
    expect(loopback({ EGRESS_ALLOW: 'a.test:1' })).toBe(false);
    expect(loopback({ COMPOSER_STAGE: 'production', EGRESS_ALLOW: '127.0.0.1:1234' })).toBe(true);
  });

  it('takes an empty variable for the empty list, in development too', () => {
    expect(loopback({ EGRESS_ALLOW: '' })).toBe(false);
  });

  it('reports every bad entry without repeating it', () => {
    setEnvironment({ EGRESS_ALLOW: 'a:hunter2,b.test:1,c:hunter2' });
    const problems = egressConfig.check();
    expect(problems).toEqual([
      expect.stringMatching(/^EGRESS_ALLOW: entry 1 /),
      expect.stringMatching(/^EGRESS_ALLOW: entry 3 /),
    ]);
    expect(() => egressConfig()).toThrow(ConfigError);
    expect(problems.join()).not.toContain('hunter2');
  });
});
