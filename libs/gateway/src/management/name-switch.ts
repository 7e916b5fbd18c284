import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { type NamedKind, OVERLAY_KEYS } from '../catalog/catalog-entry.js';
import { AddedServers } from './added-servers.js';
import type { OfferedThing } from './offered-names.js';

/** Takes tools and prompts of members off the list, and back onto it, by their servers' configurations. */
@Injectable()
export class NameSwitch {
  constructor(private readonly servers: AddedServers) {}

  async set(
    by: Principal,
    kind: NamedKind,
    { things, isOn }: { readonly things: readonly OfferedThing[]; readonly isOn: boolean },
  ): Promise<void> {
    const key = OVERLAY_KEYS[kind].disabled;
    const byServer = new Map<string, OfferedThing[]>();
    for (const thing of things) byServer.set(thing.server, [...(byServer.get(thing.server) ?? []), thing]);
    for (const [server, list] of byServer) {
      await this.servers.patch(by, server, (config) => {
        const before = Array.isArray(config[key]) ? (config[key] as string[]) : [];
        const meant = new Set(list.flatMap(({ own, fullName }) => [own, fullName]));
        const others = before.filter((name) => !meant.has(name));
        const after = isOn ? others : [...others, ...list.map(({ fullName }) => fullName)];
        return JSON.stringify(after) === JSON.stringify(before) ? undefined : { [key]: after };
      });
    }
  }
}

/** As the original writes lists: `['a', 'b']`. */
export const listed = (names: readonly string[]): string => `[${names.map((name) => `'${name}'`).join(', ')}]`;
