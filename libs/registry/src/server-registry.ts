import { isDeepStrictEqual } from 'node:util';
import { AuthAdapter } from '#auth';
import { type Fault, type MemberRef, type ServerId, type TenantId, isObject, memberKey, serverId } from '#kernel';
import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import { KeyedQueue } from './keyed-queue.js';
import type { Admission, MemberGate } from './member-gate.js';
import { mergePatch } from './merge-patch.js';
import {
  InvalidServerConfigError,
  MemberProbeError,
  TooManyServersError,
  UnknownServerError,
  UnknownVersionError,
} from './registry.errors.js';
import { plainInputFaults } from './plain-input.js';
import { SealedConfig } from './sealed-config.js';
import { type CheckedConfig, addressesOf, checkServerConfig } from './server-config-check.js';
import { SERVER_ID, type ServerConfig } from './server-config.schema.js';
import { destinationOf, dotted, restoreSecrets } from './server-config-secrets.js';
import { ServerConfigStore, type StoredServer, type StoredVersion } from './server-config.store.js';

/** How many servers a tenant may register. */
const SERVERS_PER_TENANT = 2000;

/** A server as everybody may see it: secrets are markers. */
export interface ServerView {
  readonly id: ServerId;
  readonly config: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** A configuration as it was at some time, secrets as markers. */
export type ServerVersion = Pick<ServerView, 'config' | 'version' | 'createdAt'>;

/** What a change did, beyond having been stored. */
export interface ServerChange {
  readonly server: ServerView;
  /** What was read differently from how it was written. */
  readonly warnings: readonly string[];
  /** Why the member does not work although it was stored. */
  readonly problem?: string;
}

/** A stored server with its secrets, for building the member. Never for showing. */
export type OpenedServer =
  | { readonly ref: MemberRef; readonly config: ServerConfig; readonly problem?: never }
  | { readonly ref: MemberRef; readonly config?: never; readonly problem: string };

export interface ChangeOptions {
  /** The caller is an operator and may name files on the composer's host. */
  readonly mayReadFiles?: boolean;
  /** `merge` follows RFC 7396; `replace` takes the input as the whole configuration. */
  readonly mode?: 'merge' | 'replace';
  /** A configuration that says what the stored one says makes no new version. */
  readonly unlessSame?: boolean;
}

/**
 * Which members a tenant has. A configuration is stored only after the gate has built and tried it, and serves only
 * after it was stored: what is acknowledged survives, and what fails changes nothing.
 */
@Injectable()
export class ServerRegistry {
  private readonly changes = new KeyedQueue();
  private gate: MemberGate | undefined;

  constructor(
    private readonly store: ServerConfigStore,
    private readonly sealed: SealedConfig,
    private readonly auth: AuthAdapter,
    private readonly log: Log,
  ) {}

  /** Entered once, by the layer that builds members, before the first change. */
  useGate(gate: MemberGate): void {
    this.gate = gate;
  }

  async list(tenant: TenantId): Promise<readonly ServerView[]> {
    return (await this.store.list(tenant)).map(viewOf);
  }

  /** Throws `UnknownServerError`. */
  async get(ref: MemberRef): Promise<ServerView> {
    return viewOf(await this.find(ref));
  }

  /** Every stored configuration of a tenant with its secrets; one that cannot be opened says why and hides no other. */
  async openAll(tenant: TenantId): Promise<readonly OpenedServer[]> {
    const opened: OpenedServer[] = [];
    for (const stored of await this.store.list(tenant)) {
      try {
        opened.push({ ref: stored.ref, config: await this.opened(stored) });
      } catch (error) {
        this.log.error('a stored server cannot be opened', { tenant, server: stored.ref.serverId, err: error });
        opened.push({ ref: stored.ref, problem: (error as Error).message });
      }
    }
    return opened;
  }

  async register(
    tenant: TenantId,
    input: unknown,
    { mayReadFiles = false }: ChangeOptions = {},
  ): Promise<ServerChange> {
    mustBePlain(input);
    await this.gateOrThrow().judge(addressesOf(input));
    const { config: unmarked, faults } = restoreSecrets(input, this.auth, new Map());
    const checked = checkServerConfig(unmarked, this.auth, { mayReadFiles });
    const config = mustFit(faults.length > 0 ? { ...checked, faults } : checked);
    const ref = { tenantId: tenant, serverId: serverId(config.id) };

    return this.changes.run(memberKey(ref), async () => {
      const servers = await this.store.list(tenant);
      if (servers.length >= SERVERS_PER_TENANT) throw new TooManyServersError(SERVERS_PER_TENANT);
      const admission = await this.gateOrThrow().admit({ ref, config, version: 1 });
      const stored = await this.storeOrDiscard(admission, async () =>
        this.store.insert(await this.sealed.seal(ref, config, 1), admission.catalog),
      );
      await this.putToWork(config, admission);
      this.log.info('server registered', { tenant, server: ref.serverId, type: config.type });
      return changeOf(stored, checked.warnings, admission);
    });
  }

  /** Throws `UnknownServerError`, `InvalidServerConfigError`, `MemberProbeError`, `ServerConflictError`; then nothing has changed. */
  async update(
    ref: MemberRef,
    input: unknown,
    { mode = 'merge', mayReadFiles = false, unlessSame = false }: ChangeOptions = {},
  ): Promise<ServerChange> {
    mustBePlain(input);
    return this.changes.run(memberKey(ref), async () => {
      const before = await this.find(ref);
      const wanted = mode === 'merge' ? mergePatch(withoutForeignAuth(before.config, input), input) : input;
      if (isObject(wanted) && wanted['id'] !== undefined && wanted['id'] !== ref.serverId) {
        throw new InvalidServerConfigError([
          { path: 'id', message: 'cannot be changed: register a new server instead' },
        ]);
      }
      await this.gateOrThrow().judge(addressesOf(wanted));
      const stored = await this.sealed.open(before);
      const restored = restoreSecrets(isObject(wanted) ? { ...wanted, id: ref.serverId } : wanted, this.auth, stored);
      const checked = checkServerConfig(restored.config, this.auth, { mayReadFiles });
      const config = mustFit({ ...checked, faults: [...checked.faults, ...restored.faults] });
      if (unlessSame && isDeepStrictEqual(config, await this.opened(before))) {
        return { server: viewOf(before), warnings: checked.warnings };
      }
      if (restored.kept.length > 0) this.refuseCarriedSecrets(before, stored, { config, kept: restored.kept });
      return this.replace(before, config, checked.warnings);
    });
  }

  /** The last versions of a server, newest first. Throws `UnknownServerError`. */
  async history(ref: MemberRef): Promise<readonly ServerVersion[]> {
    const versions = isKnowable(ref) ? await this.store.history(ref) : [];
    if (versions.length === 0) throw new UnknownServerError();
    return versions.map(({ config, version, createdAt }) => ({ config, version, createdAt }));
  }

  /** Makes a former version the next one, secrets included. Throws as `update`, and `UnknownVersionError`. */
  async restore(ref: MemberRef, version: number): Promise<ServerChange> {
    return this.changes.run(memberKey(ref), async () => {
      const before = await this.find(ref);
      const wanted = (await this.store.history(ref)).find((known) => known.version === version);
      if (!wanted) throw new UnknownVersionError();
      const config = await this.opened(wanted);
      await this.gateOrThrow().judge(addressesOf(config));
      return this.replace(before, config, []);
    });
  }

  async setStatus(ref: MemberRef, status: ServerConfig['status']): Promise<ServerChange> {
    return this.changes.run(memberKey(ref), async () => {
      const before = await this.find(ref);
      return this.replace(before, { ...(await this.opened(before)), status }, []);
    });
  }

  /** Throws `UnknownServerError`. */
  async remove(ref: MemberRef): Promise<void> {
    await this.changes.run(memberKey(ref), async () => {
      if (!isKnowable(ref) || !(await this.store.remove(ref))) throw new UnknownServerError();
      await this.gateOrThrow().retire(ref);
      this.log.info('server deleted', { tenant: ref.tenantId, server: ref.serverId });
    });
  }

  private async replace(
    before: StoredServer,
    config: ServerConfig,
    warnings: readonly string[],
  ): Promise<ServerChange> {
    const { ref } = before;
    const version = before.version + 1;
    const admission = await this.gateOrThrow().admit({ ref, config, version });
    if (admission.problem && config.status === 'active' && this.gateOrThrow().isWorking(ref)) {
      await admission.discard();
      throw new MemberProbeError(ref.serverId, admission.problem);
    }
    const stored = await this.storeOrDiscard(admission, async () =>
      this.store.replace(await this.sealed.seal(ref, config, version), admission.catalog),
    );
    await this.putToWork(config, admission, ref);
    this.log.info('server changed', { tenant: ref.tenantId, server: ref.serverId, version, status: config.status });
    return changeOf(stored, warnings, admission);
  }

  private async putToWork(config: ServerConfig, admission: Admission, serving?: MemberRef): Promise<void> {
    if (config.status === 'active') return admission.activate();
    await admission.discard();
    if (serving) await this.gateOrThrow().retire(serving);
  }

  private async storeOrDiscard(admission: Admission, store: () => Promise<StoredServer>): Promise<StoredServer> {
    try {
      return await store();
    } catch (error) {
      await admission.discard();
      throw error;
    }
  }

  /** A stored secret goes only where it was entered for. */
  private refuseCarriedSecrets(
    before: StoredServer,
    stored: ReadonlyMap<string, string>,
    { config, kept }: { readonly config: ServerConfig; readonly kept: readonly string[] },
  ): void {
    const old = checkServerConfig(restoreSecrets(before.config, this.auth, stored).config, this.auth, {
      mayReadFiles: true,
    });
    const destination = (of: ServerConfig | undefined, place: string) => of && destinationOf(of, this.auth, place);
    const carried = kept.filter((place) => destination(old.config, place) !== destination(config, place));
    if (carried.length === 0) return;
    const message = 'was entered for another address or placement: enter it again';
    throw new InvalidServerConfigError(carried.map((place): Fault => ({ path: dotted(place), message })));
  }

  private async opened(stored: StoredVersion): Promise<ServerConfig> {
    const { config } = restoreSecrets(stored.config, this.auth, await this.sealed.open(stored));
    return mustFit(checkServerConfig(config, this.auth, { mayReadFiles: true }));
  }

  private async find(ref: MemberRef): Promise<StoredServer> {
    const stored = isKnowable(ref) ? await this.store.find(ref) : undefined;
    if (!stored) throw new UnknownServerError();
    return stored;
  }

  private gateOrThrow(): MemberGate {
    if (!this.gate) throw new Error('no gate was entered: the builder module is not part of this application');
    return this.gate;
  }
}

/** Settings of another strategy are not merged with: nothing of them means anything to the new one. */
function withoutForeignAuth(config: StoredServer['config'], patch: unknown): Record<string, unknown> {
  const { auth, ...rest } = config;
  const named = isObject(patch) ? patch['auth_strategy'] : undefined;
  return named === undefined || named === config['auth_strategy'] ? { auth, ...rest } : rest;
}

/** Ids come from addresses and arguments; one that no server can have need not reach the store. */
const isKnowable = ({ serverId: id }: MemberRef): boolean => SERVER_ID.test(id);

function mustBePlain(input: unknown): void {
  const faults = plainInputFaults(input);
  if (faults.length > 0) throw new InvalidServerConfigError(faults);
}

function mustFit({ config, faults }: CheckedConfig): ServerConfig {
  if (!config || faults.length > 0) throw new InvalidServerConfigError(faults);
  return config;
}

function viewOf({ ref, config, version, createdAt, updatedAt }: StoredServer): ServerView {
  return { id: ref.serverId, config, version, createdAt, updatedAt };
}

function changeOf(stored: StoredServer, warnings: readonly string[], { problem }: Admission): ServerChange {
  return { server: viewOf(stored), warnings, ...(problem === undefined ? {} : { problem }) };
}
