import { MemberPool, type MemberSlot } from '#builder';
import { type TenantId, isObject } from '#kernel';
import { Injectable } from '@nestjs/common';
import { type NamedKind, OVERLAY_KEYS, own as ownIn } from '../catalog/catalog-entry.js';

/** A tool or a prompt of a member, by its own name, and what the member says of it. */
export interface OfferedThing {
  readonly server: string;
  readonly own: string;
  readonly fullName: string;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly isDisabled: boolean;
}

/** Everything that the members of a tenant offer, what is disabled among it. */
@Injectable()
export class OfferedNames {
  constructor(private readonly pool: MemberPool) {}

  /** @param server of this one alone */
  all(tenant: TenantId, kind: NamedKind, server?: string): readonly OfferedThing[] {
    const slots = this.pool.members(tenant).filter(({ ref }) => server === undefined || ref.serverId === server);
    return slots.flatMap((slot) => slot.offer[kind].flatMap((text) => thingOf(slot, kind, text) ?? []));
  }

  /** Those that are meant by their full names; of one server, by their own names too. */
  named(all: readonly OfferedThing[], names: readonly string[], server?: string): readonly OfferedThing[] {
    const wanted = new Set(names);
    return all.filter(({ own, fullName }) => wanted.has(fullName) || (server !== undefined && wanted.has(own)));
  }
}

function thingOf({ ref, config }: MemberSlot, kind: NamedKind, text: string): OfferedThing | undefined {
  const definition: unknown = JSON.parse(text);
  if (!isObject(definition) || typeof definition['name'] !== 'string' || !config) return undefined;
  const own = definition['name'];
  const fullName = `${ref.serverId}_${own}`;
  const { disabled, descriptions } = OVERLAY_KEYS[kind];
  const chosen = ownIn(config[descriptions], fullName) ?? ownIn(config[descriptions], own);
  return {
    server: ref.serverId,
    own,
    fullName,
    definition: { ...definition, name: fullName, ...(chosen === undefined ? {} : { description: chosen }) },
    isDisabled: config[disabled].some((name) => name === own || name === fullName),
  };
}
