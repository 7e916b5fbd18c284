import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { type IpAddress, type IpRange, inRange } from './ip-address.js';

type Port = number | '*';
type Entry = { readonly port: Port } & ({ readonly host: string } | { readonly range: IpRange });

const FORM = 'is not host:port, cidr:port or [ipv6]:port (port is 1 to 65535 or *)';
const NAME = /^(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/;

/** The operator's exceptions: names, addresses and networks that may be called although they are not public. */
export class AllowList {
  private constructor(private readonly entries: readonly Entry[]) {}

  /**
   * Reads a comma-separated list of `host-or-cidr:port`. Without a port, or with `*`, an entry holds for every port;
   * IPv6 stands in brackets.
   *
   * @param reject called with one sentence per entry that cannot be read; entries are named by position, not value
   */
  static parse(text: string, reject: (problem: string) => void): AllowList {
    const entries: Entry[] = [];
    text.split(',').forEach((raw, index) => {
      if (raw.trim() === '') return;
      const entry = parseEntry(raw.trim().toLowerCase());
      if (entry) entries.push(entry);
      else reject(`entry ${index + 1} ${FORM}`);
    });
    return new AllowList(entries);
  }

  /** Whether the name itself is listed for this port; every address it resolves to is then good. */
  allowsHost(host: string, port: number): boolean {
    return this.entries.some((entry) => 'host' in entry && entry.host === host && fits(entry.port, port));
  }

  /** Whether the address lies in a listed network for this port, however it was named. */
  allowsAddress(address: IpAddress, port: number): boolean {
    return this.entries.some((entry) => 'range' in entry && fits(entry.port, port) && inRange(address, entry.range));
  }

  /** Whether some network is listed for this port, so that a name can be judged by its addresses alone. */
  hasNetworkFor(port: number): boolean {
    return this.entries.some((entry) => 'range' in entry && fits(entry.port, port));
  }
}

function fits(listed: Port, port: number): boolean {
  return listed === '*' || listed === port;
}

function parseEntry(text: string): Entry | undefined {
  const { host, port: written } = /^(?<host>\[[^\]]*\]|[^:[\]]+)(?::(?<port>\*|\d{1,5}))?$/.exec(text)?.groups ?? {};
  if (host === undefined) return undefined;
  const port = written === undefined || written === '*' ? '*' : Number(written);
  if (port !== '*' && (port < 1 || port > 65535)) return undefined;

  const range = parseRange(host.replace(/^\[|\]$/g, ''));
  if (range) return { range, port };
  // A last label of digits is an address to a URL parser (WHATWG URL, "ends in a number"), so it is no name.
  if (host.startsWith('[') || !NAME.test(host) || /(^|\.)(\d+|0x[0-9a-f]*)\.?$/.test(host)) return undefined;
  return { host, port };
}

function parseRange(text: string): IpRange | undefined {
  const [address = '', bits] = text.split('/');
  if (isIP(address) === 0 || text.split('/').length > 2) return undefined;
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined;

  const network = ipaddr.parse(address);
  const width = network.kind() === 'ipv4' ? 32 : 128;
  const length = bits === undefined ? width : Number(bits);
  if (length > width) return undefined;
  // Addresses are judged unmapped, so a mapped network is meant as the IPv4 network inside.
  return network.range() === 'ipv4Mapped' && length >= 96 ? [ipaddr.process(address), length - 96] : [network, length];
}
