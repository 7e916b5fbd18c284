import { BlockList, isIP } from 'node:net';

/** @throws TypeError for an entry that is neither an address nor a network such as `10.0.0.0/8` */
export function networksOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [, address = '', prefix] = /^([^/]+?)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const family = isIP(address);
    const widest = family === 6 ? 128 : 32;
    if (family === 0 || Number(prefix ?? widest) > widest) throw new TypeError(`${entry} is no address and no network`);
    list.addSubnet(address, Number(prefix ?? widest), family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** Whether this is an address or a network such as `10.0.0.0/8`. */
export function isNetwork(entry: string): boolean {
  try {
    networksOf([entry]);
    return true;
  } catch {
    return false;
  }
}
