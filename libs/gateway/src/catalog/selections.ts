import { MemberPool } from '#builder';
import { serverId } from '#kernel';
import { VirtualServerDirectory, type VirtualServersOfTenant } from '#registry';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { mayUse } from '../policy/may-use.js';
import { ToolPolicy } from '../policy/tool-policy.js';
import { EVERYTHING, type Selection } from './selection.js';
import { ToolCatalog } from './tool-catalog.js';

/** From the last part of an address to what is offered there. */
@Injectable()
export class Selections {
  constructor(
    private readonly pool: MemberPool,
    private readonly catalog: ToolCatalog,
    private readonly directory: VirtualServerDirectory,
  ) {}

  /**
   * What the slug stands for in the principal's tenant; `undefined` alike if that is nothing, or not for the principal.
   * At once where the tenant's virtual servers are known.
   */
  find(principal: Principal, slug: string): Selection | undefined | Promise<Selection | undefined> {
    if (slug === '') return EVERYTHING;
    const known = this.directory.peek(principal.tenantId);
    if (known) return this.pick(principal, slug, known);
    return this.directory.load(principal.tenantId).then((loaded) => this.pick(principal, slug, loaded));
  }

  private pick(principal: Principal, slug: string, virtual: VirtualServersOfTenant): Selection | undefined {
    const server = virtual.get(slug);
    if (server) return mayUse(principal, server) ? { kind: 'virtual', server } : undefined;
    return this.member(principal, slug);
  }

  /** Every member is offered by itself too, to whoever may use something of it. */
  private member(principal: Principal, slug: string): Selection | undefined {
    const { tenantId } = principal;
    const id = serverId(slug);
    if (!this.pool.find({ tenantId, serverId: id })) return undefined;
    const selection: Selection = { kind: 'member', serverId: id };
    if (!this.catalog.viewFor(principal, selection).isEmpty) return selection;
    // One that offers nothing at the moment hides nothing either.
    const isOpen = this.catalog.isEmpty(tenantId, selection) && new ToolPolicy(principal).opensServer(slug);
    return isOpen ? selection : undefined;
  }
}
