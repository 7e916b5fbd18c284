import { isDeepStrictEqual } from 'node:util';
import type { AuditEvent } from '#audit';
import { type JsonObject, type TenantId, faultsOf, isObject, serverId } from '#kernel';
import { Log } from '#observability';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { KeyedQueue } from '../keyed-queue.js';
import { mergePatch } from '../merge-patch.js';
import { plainInputFaults } from '../plain-input.js';
import { ServerRegistry } from '../server-registry.js';
import type { NamingGate } from './naming-gate.js';
import { SLUG, type VirtualServer, virtualServerSchema } from './virtual-server.schema.js';
import { type StoredVirtualServer, VirtualServerStore } from './virtual-server.store.js';
import {
  InvalidVirtualServerError,
  SlugTakenError,
  TooManyVirtualServersError,
  UnknownVirtualServerError,
} from './virtual-servers.errors.js';

/** How many a tenant may have. */
const VIRTUAL_SERVERS_PER_TENANT = 200;

export interface VirtualServerChange {
  readonly stored: StoredVirtualServer;
  readonly isNew: boolean;
}

/** The virtual servers of the tenants, and the rules that hold for them. */
@Injectable()
export class VirtualServers {
  private readonly changes = new KeyedQueue();
  private gate: NamingGate | undefined;

  constructor(
    private readonly store: VirtualServerStore,
    private readonly registry: ServerRegistry,
    private readonly log: Log,
  ) {}

  /** Without one, as in the command line, names are not looked at. */
  useGate(gate: NamingGate): void {
    this.gate = gate;
  }

  list(tenant: TenantId): Promise<readonly StoredVirtualServer[]> {
    return this.store.list(tenant);
  }

  /** @throws UnknownVirtualServerError */
  async get(tenant: TenantId, slug: string): Promise<StoredVirtualServer> {
    const stored = SLUG.test(slug) ? await this.store.find(tenant, slug) : undefined;
    if (!stored) throw new UnknownVirtualServerError();
    return stored;
  }

  /** Whether the slug is a server's id too: one that was registered later. The virtual server has the address. */
  hides(tenant: TenantId, slug: string): Promise<boolean> {
    return this.registry.has({ tenantId: tenant, serverId: serverId(slug) });
  }

  /** Takes the input as the whole of it, whether it is there or not. */
  async put(tenant: TenantId, slug: string, by: { input: unknown; actor: Actor }): Promise<VirtualServerChange> {
    return this.inTurn(tenant, async () => {
      mustBePlain(by.input);
      const before = SLUG.test(slug) ? await this.store.find(tenant, slug) : undefined;
      return this.change(tenant, before, { ...by, slug });
    });
  }

  /** JSON Merge Patch, RFC 7396. @throws UnknownVirtualServerError */
  async patch(tenant: TenantId, slug: string, by: { input: unknown; actor: Actor }): Promise<VirtualServerChange> {
    return this.inTurn(tenant, async () => {
      const before = await this.get(tenant, slug);
      mustBePlain(by.input);
      return this.change(tenant, before, { ...by, input: mergePatch(before.server, by.input), slug });
    });
  }

  /** @throws UnknownVirtualServerError */
  async remove(tenant: TenantId, slug: string, actor: Actor): Promise<void> {
    await this.inTurn(tenant, async () => {
      const { server } = await this.get(tenant, slug);
      const event = { action: 'virtual_server.deleted', actor, target: targetOf(slug), before: shown(server) };
      if (!(await this.store.remove(tenant, slug, event))) throw new UnknownVirtualServerError();
    });
    this.log.info('virtual server deleted', { tenant, slug });
  }

  private async change(
    tenant: TenantId,
    before: StoredVirtualServer | undefined,
    { input, slug, actor }: { input: unknown; slug: string; actor: Actor },
  ): Promise<VirtualServerChange> {
    const server = parsed(input, slug);
    if (before && isDeepStrictEqual(shown(before.server), shown(server))) return { stored: before, isNew: false };
    if (!before) await this.mustHaveRoom(tenant, slug);
    const faults = (await this.gate?.faultsOf(tenant, server)) ?? [];
    if (faults.length > 0) throw new InvalidVirtualServerError(faults);
    const event: AuditEvent = {
      action: before ? 'virtual_server.updated' : 'virtual_server.created',
      actor,
      target: targetOf(slug),
      ...(before ? { before: shown(before.server) } : {}),
      after: shown(server),
    };
    const stored = await this.store.write({ tenantId: tenant, server, version: (before?.version ?? 0) + 1 }, event);
    this.log.info(before ? 'virtual server changed' : 'virtual server created', { tenant, slug });
    return { stored, isNew: !before };
  }

  private async mustHaveRoom(tenant: TenantId, slug: string): Promise<void> {
    if (await this.hides(tenant, slug)) throw new SlugTakenError(slug);
    if ((await this.store.list(tenant)).length < VIRTUAL_SERVERS_PER_TENANT) return;
    throw new TooManyVirtualServersError(VIRTUAL_SERVERS_PER_TENANT);
  }

  /** The changes of a tenant one after the other: how many there are is a rule too. */
  private inTurn<T>(tenant: TenantId, work: () => Promise<T>): Promise<T> {
    return this.changes.run(tenant, work);
  }
}

function mustBePlain(input: unknown): void {
  const faults = plainInputFaults(input);
  if (faults.length > 0) throw new InvalidVirtualServerError(faults);
}

function parsed(input: unknown, slug: string): VirtualServer {
  const named = isObject(input) ? { ...input, slug: input['slug'] ?? slug } : input;
  const { data, error } = virtualServerSchema.safeParse(named);
  if (error) throw new InvalidVirtualServerError(faultsOf(error.issues));
  if (data.slug === slug) return data;
  throw new InvalidVirtualServerError([
    { path: 'slug', message: 'is not the one in the address, and cannot be changed' },
  ]);
}

const targetOf = (slug: string): string => `virtual_server:${slug}`;

/** Nothing of it is secret; what is absent stays away. */
const shown = (server: VirtualServer): JsonObject => JSON.parse(JSON.stringify(server)) as JsonObject;
