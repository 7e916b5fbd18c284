import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export type IpAddress = ipaddr.IPv4 | ipaddr.IPv6;
export type IpRange = readonly [IpAddress, number];

/** The only block of IPv6 from which public unicast addresses are given out (RFC 4291 section 2.4, IANA registry). */
const PUBLIC_IPV6: [ipaddr.IPv6, number] = ipaddr.IPv6.parseCIDR('2000::/3');

/** Public by their number, but answered by the platform around us. */
const PLATFORM: readonly [ipaddr.IPv4, number][] = [
  ipaddr.IPv4.parseCIDR('168.63.129.16/32'), // Azure: DHCP, DNS and the host agent
];

/** Reads an IP literal, without or with brackets, and unmaps `::ffff:a.b.c.d`; `undefined` for names. */
export function ipLiteral(host: string): IpAddress | undefined {
  const bare = host.startsWith('[') ? host.slice(1, -1) : host;
  return isIP(bare) === 0 ? undefined : ipaddr.process(bare);
}

/**
 * Whether an address is one of the public internet. An allow-rule: what no registry calls public unicast is not,
 * which covers loopback, private, link-local, shared, translated (NAT64, 6to4, Teredo) and reserved ranges.
 */
export function isPublic(address: IpAddress): boolean {
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv4') return !PLATFORM.some((range) => address.match(range));
  return address.match(PUBLIC_IPV6) && !isIsatap(address as ipaddr.IPv6);
}

export function inRange(address: IpAddress, [network, bits]: IpRange): boolean {
  return address.kind() === network.kind() && address.match([network, bits]);
}

/** RFC 5214: an interface id of 0:5efe or 200:5efe carries an IPv4 address that a tunnel would deliver to. */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return parts[5] === 0x5efe && ((parts[4] ?? 0) & 0xfdff) === 0;
}
