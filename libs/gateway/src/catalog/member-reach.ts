import { MemberPool, offersNothing } from '#builder';
import type { ServerId } from '#kernel';
import { VirtualServerDirectory } from '#registry';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { mayUse } from '../policy/may-use.js';
import { NamePatterns } from '../policy/name-patterns.js';
import { ToolPolicy, isUnlimited } from '../policy/tool-policy.js';
import type { Selection } from './selection.js';
import { ToolCatalog } from './tool-catalog.js';

const WILDCARD = /[*?]/;

/** Whether a member is there for a principal: something of it is, or would be if the member offered anything. */
@Injectable()
export class MemberReach {
  constructor(
    private readonly pool: MemberPool,
    private readonly catalog: ToolCatalog,
    private readonly virtual: VirtualServerDirectory,
  ) {}

  /** Reads what has to be read first. A member that is not there, or does not serve, is there for nobody but administrators. */
  async reaches(principal: Principal, serverId: ServerId): Promise<boolean> {
    if (isUnlimited(principal)) return true;
    const { tenantId } = principal;
    await this.pool.load(tenantId);
    const slot = this.pool.find({ tenantId, serverId });
    if (!slot) return false;
    const virtual = [...(await this.virtual.load(tenantId)).values()].filter((server) => mayUse(principal, server));
    const selections: Selection[] = [
      { kind: 'member', serverId },
      ...virtual.map((server): Selection => ({ kind: 'virtual', server })),
    ];
    if (selections.some((selection) => this.catalog.viewFor(principal, selection).members.has(slot))) return true;
    if (!offersNothing(slot.offer)) return false;
    // Members that are not connected yet often offer nothing: what is said of them by name decides.
    return (
      new ToolPolicy(principal).opensServer(serverId) ||
      virtual.some(({ servers }) => new NamePatterns(servers).match(serverId)) ||
      principal.permissions.tools.some((pattern) => pattern.split(WILDCARD)[0]!.startsWith(`${serverId}_`))
    );
  }
}
