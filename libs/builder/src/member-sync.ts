import type { ServerId, TenantId } from '#kernel';
import { ServerChanges, ServerRegistry } from '#registry';
import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';
import { MemberPool } from './member-pool.js';

/** Of one tenant at the same time: each takes a connection to the database. */
const PARALLEL = 4;

/**
 * Keeps the members of this process in line with what is stored, whichever process stored it. Listens before anything
 * is loaded, so that no change falls between the two.
 */
@Injectable()
export class MemberSync implements OnModuleInit, BeforeApplicationShutdown {
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly changes: ServerChanges,
    private readonly registry: ServerRegistry,
    private readonly pool: MemberPool,
  ) {}

  onModuleInit(): void {
    const stops = [
      this.changes.onChange((tenant) => this.sync(tenant)),
      this.changes.onCredentialsChange((tenant) => this.pool.noteCredentialsChanged(tenant)),
    ];
    this.stopListening = () => stops.forEach((stop) => stop());
  }

  beforeApplicationShutdown(): void {
    this.stopListening();
  }

  /**
   * Brings a tenant that is served here in line: what is new is built, what has changed is built anew, what is gone goes.
   * Members that have not changed keep their connections and their state. Rejects if one could not be followed.
   */
  async sync(tenant: TenantId): Promise<void> {
    if (!this.pool.isWanted(tenant)) return;
    await this.pool.load(tenant);
    const ids = this.outOfLine(tenant, await this.registry.marks(tenant));
    const failures: unknown[] = [];
    const follow = async (serverId: ServerId): Promise<void> => {
      const ref = { tenantId: tenant, serverId };
      await this.registry.withStored(ref, (server) => this.pool.follow(ref, server));
    };
    for (let at = 0; at < ids.length; at += PARALLEL) {
      const results = await Promise.allSettled(ids.slice(at, at + PARALLEL).map(follow));
      failures.push(...results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])));
    }
    if (failures.length > 0) throw failures[0];
  }

  private outOfLine(tenant: TenantId, stored: ReadonlyMap<ServerId, string>): readonly ServerId[] {
    const serving = new Map(this.pool.members(tenant).map(({ ref, mark }) => [ref.serverId, mark]));
    const all = new Set([...serving.keys(), ...stored.keys()]);
    return [...all].filter((id) => !serving.has(id) || serving.get(id) !== stored.get(id));
  }
}
