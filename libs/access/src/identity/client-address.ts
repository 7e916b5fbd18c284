import type { IncomingMessage } from 'node:http';
import { type BlockList, isIP, isIPv6 } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { type AccessConfig, accessConfig } from '../access.config.js';
import { networksOf } from './networks.js';

/**
 * Where a request comes from, for counting what strangers cost: the address of the connection, or, behind proxies that
 * the operator trusts, the one that the outermost of them saw. It says nothing of who calls.
 */
@Injectable()
export class ClientAddress {
  private readonly proxies: BlockList;

  constructor(@Inject(accessConfig.KEY) { proxies }: Pick<AccessConfig, 'proxies'>) {
    this.proxies = networksOf(proxies);
  }

  /** An IPv6 host has a whole /64 to call from, which counts as one. Empty for a connection that is gone. */
  sourceOf({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): string {
    let address = plain(socket.remoteAddress ?? '');
    // Each proxy adds the address it was called from at the end; what stands before that of a stranger is the stranger's.
    const told = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',').reverse();
    for (const before of told.map((one) => plain(one.trim()))) {
      if (isIP(before) === 0 || !this.isProxy(address)) break;
      address = before;
    }
    return networkOf(address);
  }

  private isProxy(address: string): boolean {
    return isIP(address) !== 0 && this.proxies.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}

/** An IPv4 address that came over an IPv6 socket is still one. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter((group) => group !== '').length;
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail ?? '').split(':')];
  return all.slice(0, 4).join(':');
}
