import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { ClientAddress } from './client-address.js';
import { networksOf } from './networks.js';

const PROXIES = ['10.0.0.0/8', '192.0.2.7', '2001:db8:ffff::/48'];

function sourceOf(remoteAddress: string | undefined, forwarded?: string | string[], proxies = PROXIES): string {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  const request = { headers, socket: { remoteAddress } } as Pick<IncomingMessage, 'headers' | 'socket'>;
  return new ClientAddress({ proxies }).sourceOf(request);
}

describe('ClientAddress', () => {
  it('is that of the connection, whatever a stranger says', () => {
    expect(sourceOf('198.51.100.1')).toBe('198.51.100.1');
    expect(sourceOf('198.51.100.1', '203.0.113.9')).toBe('198.51.100.1');
    expect(sourceOf('10.0.0.1', '203.0.113.9', [])).toBe('10.0.0.1');
    expect(sourceOf(undefined, '203.0.113.9')).toBe('');
  });

  it.each([
    ['10.0.0.1', '203.0.113.9'],
    ['::ffff:10.0.0.1', '203.0.113.9'],
    ['10.0.0.1', 'made-up, 198.51.100.1, 203.0.113.9'],
    ['10.0.0.1', '198.51.100.1, 203.0.113.9 , 192.0.2.7,10.9.9.9'],
    ['2001:db8:ffff::1', ['198.51.100.1', '203.0.113.9']],
  ])('is what the outermost trusted proxy saw: %s, %j', (remote, forwarded) => {
    expect(sourceOf(remote, forwarded)).toBe('203.0.113.9');
  });

  it('is that of the proxy where it tells nothing that can be read', () => {
    for (const forwarded of [undefined, '', 'unknown', '203.0.113.9:', '_hidden']) {
      expect(sourceOf('10.0.0.1', forwarded)).toBe('10.0.0.1');
    }
  });

  it('takes a whole network of IPv6 for one', () => {
    const of = (address: string) => sourceOf(address);
    expect(of('2001:db8:1:2::1')).toBe(of('2001:db8:1:2:3:4:5:6'));
    expect(of('2001:db8:1:2::1')).not.toBe(of('2001:db8:1:3::1'));
    expect(of('::1')).toBe(of('::2'));
    expect(sourceOf('10.0.0.1', '2001:db8:1:2::1')).toBe(of('2001:db8:1:2::9'));
    expect(of('::ffff:192.0.2.2')).toBe('192.0.2.2');
  });

  it.each(['', 'proxy.example', '10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.1/', '*'])(
    'takes no %j for a proxy',
    (one) => {
      expect(() => networksOf([one])).toThrow(TypeError);
    },
  );
});
