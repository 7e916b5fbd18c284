import type { VirtualServer } from '#registry';
import { CustomNames } from './custom-names.js';

/** Under which names a selection offers what members offer. */
export interface Naming {
  /** @param fullName `<serverId>_<ownName>` */
  nameOf(fullName: string, ownName: string): string;
}

export const FULL_NAMES: Naming = { nameOf: (fullName) => fullName };
export const OWN_NAMES: Naming = { nameOf: (_fullName, ownName) => ownName };

const custom = new WeakMap<VirtualServer, Naming>();

/** One and the same object for one and the same virtual server. */
export function namingOf(server: VirtualServer): Naming {
  if (server.naming === 'prefix') return FULL_NAMES;
  if (server.naming === 'none') return OWN_NAMES;
  let naming = custom.get(server);
  if (!naming) custom.set(server, (naming = new CustomNames(server.names ?? {})));
  return naming;
}
