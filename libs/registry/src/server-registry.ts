import { isDeepStrictEqual } from 'node:util';
import { AuthAdapter, type WithdrawnCredential } from '#auth';
import { type MemberRef, type ServerId, type TenantId, isObject, memberKey, serverId } from '#kernel';
import { Log } from '#observability';
import type { Actor } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { withoutForeignAuth } from './foreign-auth.js';
import { withdrawFormer } from './former-credentials.js';
import { KeyedQueue } from './keyed-queue.js';
import type { Admission, Candidate, MemberGate } from './member-gate.js';
import { mergePatch } from './merge-patch.js';
import {
  DuplicateServerError,
  InvalidServerConfigError,
  MemberProbeError,
  ServerConflictError,
  TooManyServersError,
  UnknownServerError,
  UnknownVersionError,
} from './registry.errors.js';
import { judgedAddresses, mustBePlain } from './judged-input.js';
import { SealedConfig } from './sealed-config.js';
import { SERVERS_PER_TENANT } from './server-config-limits.js';
import { SERVER_ID, type ServerConfig } from './server-config.schema.js';
import type { SecretsByPlace } from './server-config-secrets.js';
import { ServerConfigStore, type ServerDraft, type StoredServer, markOf } from './server-config.store.js';
import { type ServerDeed, serverEvent } from './server-event.js';
import { type OpenedServer, ServerOpener, mustFit } from './server-opener.js';
import { type ServerVersion, type ServerView, viewOf } from './server-view.js';
import { refuseUnlisted } from './stdio/stdio-command.js';
import { type WithGaps, carriedSecrets, reentryText, refuseForeignGaps, secretsChangedBy } from './void-secrets.js';

/** What a change did, beyond having been stored. */
export interface ServerChange {
  readonly server: ServerView;
  /** What was read differently from how it was written. */
  readonly warnings: readonly string[];
  /** Why the member does not work although it was stored. */
  readonly problem?: string;
  /** What became of tokens that issuers had given for settings that are gone. */
  readonly withdrawn?: readonly WithdrawnCredential[];
}

export interface ChangeOptions {
  /** Who makes the change, for the audit trail. */
  readonly by: Actor;
  /** The caller is an operator and may name files on the composer's host. */
  readonly mayReadFiles?: boolean;
  /** `merge` follows RFC 7396; `replace` takes the input as the whole configuration. */
  readonly mode?: 'merge' | 'replace';
  /** The change is made of this version: if another one is stored, `ServerConflictError`. */
  readonly ifVersion?: number;
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
  private readonly opener: ServerOpener;
  private gate: MemberGate | undefined;

  constructor(
    private readonly store: ServerConfigStore,
    private readonly sealed: SealedConfig,
    private readonly auth: AuthAdapter,
    private readonly log: Log,
  ) {
    this.opener = new ServerOpener(sealed, auth, log);
  }

  /** Entered once, by the layer that builds members, before the first change. */
  useGate(gate: MemberGate): void {
    this.gate = gate;
  }

  /** Hides the secrets of the members in a text for people. */
  mask(text: string): string {
    return this.sealed.mask(text);
  }

  async list(tenant: TenantId): Promise<readonly ServerView[]> {
    return (await this.store.list(tenant)).map((stored) => viewOf(stored, this.auth));
  }

  /** Throws `UnknownServerError`. */
  async get(ref: MemberRef): Promise<ServerView> {
    return viewOf(await this.find(ref), this.auth);
  }

  async has(ref: MemberRef): Promise<boolean> {
    return isKnowable(ref) && (await this.store.find(ref)) !== undefined;
  }

  /** Every stored configuration of a tenant with its secrets; one that cannot be opened says why and hides no other. */
  async openAll(tenant: TenantId): Promise<readonly OpenedServer[]> {
    const opened: OpenedServer[] = [];
    for (const stored of await this.store.list(tenant)) opened.push(await this.opener.open(stored));
    return opened;
  }

  /** What is to serve: the mark of every active server of a tenant. */
  async marks(tenant: TenantId): Promise<ReadonlyMap<ServerId, string>> {
    return this.store.marks(tenant);
  }

  /** Hands over a server as it is stored, undefined if it is gone, while nobody in this process changes it. */
  async withStored(ref: MemberRef, use: (server: OpenedServer | undefined) => Promise<void>): Promise<void> {
    await this.changes.run(memberKey(ref), async () => {
      const stored = await this.store.find(ref);
      if (!stored) this.sealed.forget(ref);
      await use(stored && (await this.opener.open(stored)));
    });
  }

  async register(tenant: TenantId, input: unknown, { by, mayReadFiles = false }: ChangeOptions): Promise<ServerChange> {
    mustBePlain(input);
    await this.judge(input);
    const checked = this.opener.check(input, new Map(), { mayReadFiles });
    const config = await refuseUnlisted(mustFit(checked));
    refuseForeignGaps(this.auth, input);
    const ref = { tenantId: tenant, serverId: serverId(config.id) };

    return this.changes.run(memberKey(ref), async () => {
      const ids = await this.store.ids(tenant);
      if (ids.has(ref.serverId)) throw new DuplicateServerError(ref.serverId);
      if (ids.size >= SERVERS_PER_TENANT) throw new TooManyServersError(SERVERS_PER_TENANT);
      return this.sealed.trying(config, async () => {
        const candidate = { ref, config, version: 1 };
        const admission = await this.gateOrThrow().admit(candidate);
        const deed = { verb: 'registered', by } as const;
        const stored = await this.take(candidate, admission, async (draft) =>
          this.store.insert(draft, await serverEvent(deed, { after: draft }), admission.catalog),
        );
        this.log.info('server registered', { tenant, server: ref.serverId, type: config.type });
        const change = this.changeOf(stored, checked.warnings, admission);
        if (change.problem)
          this.log.warn('the server does not work yet', { tenant, server: ref.serverId, problem: change.problem });
        return change;
      });
    });
  }

  /** Throws `UnknownServerError`, `InvalidServerConfigError`, `MemberProbeError`, `ServerConflictError`; then nothing has changed. */
  async update(
    ref: MemberRef,
    input: unknown,
    { by, mode = 'merge', mayReadFiles = false, unlessSame = false, ifVersion }: ChangeOptions,
  ): Promise<ServerChange> {
    mustBePlain(input);
    return this.changes.run(memberKey(ref), async () => {
      const before = await this.find(ref);
      if (ifVersion !== undefined && before.version !== ifVersion) throw new ServerConflictError(ref.serverId);
      const wanted = mode === 'merge' ? mergePatch(withoutForeignAuth(this.auth, before.config, input), input) : input;
      if (isObject(wanted) && wanted['id'] !== undefined && wanted['id'] !== ref.serverId) {
        throw new InvalidServerConfigError([
          { path: 'id', message: 'cannot be changed: register a new server instead' },
        ]);
      }
      const stored = await this.sealed.openPresent(before);
      const own = isObject(wanted) ? { ...wanted, id: ref.serverId } : wanted;
      refuseForeignGaps(this.auth, own, before.config);
      const checked = this.opener.check(own, stored, { mayReadFiles });
      const old = this.opener.check(before.config, stored, { mayReadFiles: true }).config;
      if (unlessSame && checked.config && isDeepStrictEqual(checked.config, old)) {
        return { server: viewOf(before, this.auth), warnings: checked.warnings };
      }
      await this.judge(wanted);
      const config = await refuseUnlisted(mustFit(checked));
      const lacking = [...checked.lacking, ...carriedSecrets(this.auth, { before: old, config }, checked.kept)];
      const deed = { verb: 'updated', by, secrets: secretsChangedBy(this.auth, stored, { config, lacking }) } as const;
      const change = await this.replace(before, { config, lacking }, deed);
      return { ...change, warnings: [...checked.warnings, ...change.warnings] };
    });
  }

  /** The last versions of a server, newest first. Throws `UnknownServerError`. */
  async history(ref: MemberRef): Promise<readonly ServerVersion[]> {
    const versions = isKnowable(ref) ? await this.store.history(ref) : [];
    if (versions.length === 0) throw new UnknownServerError();
    return versions.map(({ config, version, createdAt }) => ({ config, version, createdAt }));
  }

  /** Makes a former version the next one, secrets included. Throws as `update`, and `UnknownVersionError`. */
  async restore(ref: MemberRef, version: number, by: Actor): Promise<ServerChange> {
    return this.changes.run(memberKey(ref), async () => {
      const before = await this.find(ref);
      const wanted = (await this.store.history(ref)).find((known) => known.version === version);
      if (!wanted) throw new UnknownVersionError();
      const checked = this.opener.check(wanted.config, await this.sealed.open(wanted), { mayReadFiles: true });
      const config = await refuseUnlisted(mustFit(checked));
      const { lacking } = checked;
      await this.judge(config);
      // A version whose secrets do not open any more can still be left: all its secrets are other ones then.
      const present = await this.sealed.open(before).catch((): SecretsByPlace => new Map());
      const secrets = secretsChangedBy(this.auth, present, { config, lacking });
      return this.replace(before, { config, lacking }, { verb: 'restored', by, secrets, restored: version });
    });
  }

  async setStatus(ref: MemberRef, status: ServerConfig['status'], by: Actor): Promise<ServerChange> {
    return this.changes.run(memberKey(ref), async () => {
      const before = await this.find(ref);
      const verb = status === 'active' ? 'activated' : 'deactivated';
      const { config, lacking } = await this.opener.present(before);
      return this.replace(before, { config: { ...config, status }, lacking }, { verb, by });
    });
  }

  /**
   * The server serves no more; then what issuers have given for it is taken out of use, and revoked there where that can be
   * done. What a crash, or a call that was under way, leaves of it the sweep ends.
   *
   * @returns what became of it
   * @throws UnknownServerError, ServerConflictError
   */
  async remove(ref: MemberRef, by: Actor): Promise<readonly WithdrawnCredential[]> {
    await this.changes.run(memberKey(ref), async () => {
      const before = await this.find(ref);
      const isGone = await this.store.remove(before, await serverEvent({ verb: 'deleted', by }, { before }));
      if (!isGone) throw new UnknownServerError();
      await this.gateOrThrow().retire(ref);
      this.sealed.forget(ref);
      this.log.info('server deleted', { tenant: ref.tenantId, server: ref.serverId });
    });
    // An issuer that does not answer holds up no other change of the server.
    return this.auth.withdraw(ref, by);
  }

  private async replace(before: StoredServer, wanted: WithGaps, deed: ServerDeed): Promise<ServerChange> {
    const change = await this.replaceStored(before, wanted, deed);
    const { withdrawn, warnings } = await withdrawFormer(
      { auth: this.auth, log: this.log },
      { ref: before.ref, config: wanted.config },
      deed.by,
    );
    return { ...change, warnings: [...change.warnings, ...warnings], ...(withdrawn.length > 0 ? { withdrawn } : {}) };
  }

  private async replaceStored(
    before: StoredServer,
    { config, lacking }: WithGaps,
    deed: ServerDeed,
  ): Promise<ServerChange> {
    const { ref } = before;
    const candidate = { ref, config, version: before.version + 1 };
    return this.sealed.trying(config, async () => {
      if (lacking.length > 0) return this.replaceUnserved(before, candidate, { deed, lacking });
      const admission = await this.gateOrThrow().admit(candidate);
      const isBroken = admission.problem && !admission.awaitsConsent && config.status === 'active';
      if (isBroken && (await this.gateOrThrow().isWorking(ref))) {
        await admission.discard();
        throw new MemberProbeError(ref.serverId, admission.problem);
      }
      const stored = await this.take(candidate, admission, async (draft) =>
        this.store.replace(draft, await serverEvent(deed, { before, after: draft }), admission.catalog),
      );
      const { version } = candidate;
      this.log.info('server changed', { tenant: ref.tenantId, server: ref.serverId, version, status: config.status });
      return this.changeOf(stored, [], admission);
    });
  }

  /** Stores what must not be called: it is neither tried nor served until what it lacks is entered. */
  private async replaceUnserved(
    before: StoredServer,
    candidate: Candidate,
    { deed, lacking }: { readonly deed: ServerDeed; readonly lacking: readonly string[] },
  ): Promise<ServerChange> {
    const { ref } = before;
    const draft = await this.sealed.seal(candidate, lacking);
    const stored = await this.store.replace(draft, await serverEvent(deed, { before, after: draft }));
    await this.gateOrThrow().retire(ref);
    await this.sealed.openPresent(stored); // what is void is masked no longer than the rest is
    this.log.warn('the server waits for secrets', { tenant: ref.tenantId, server: ref.serverId });
    return { server: viewOf(stored, this.auth), warnings: [], problem: reentryText(lacking) };
  }

  /** Stores what was admitted and lets it serve; releases it if it cannot be stored. */
  private async take(
    { ref, config, version }: Candidate,
    admission: Admission,
    store: (draft: ServerDraft) => Promise<StoredServer>,
  ): Promise<StoredServer> {
    let stored: StoredServer;
    try {
      stored = await store(await this.sealed.seal({ ref, config, version }));
    } catch (error) {
      await admission.discard();
      throw error;
    }
    this.sealed.keep(ref, config, version);
    if (config.status === 'active') admission.activate(markOf(stored));
    else await this.letRest(admission, version > 1 ? ref : undefined);
    return stored;
  }

  private async letRest(admission: Admission, serving?: MemberRef): Promise<void> {
    await admission.discard();
    if (serving) await this.gateOrThrow().retire(serving);
  }

  /** The addresses come before anything else that could be said about the input. */
  private async judge(input: unknown): Promise<void> {
    await this.gateOrThrow().judge(judgedAddresses(input));
  }

  private changeOf(stored: StoredServer, warnings: readonly string[], { problem }: Admission): ServerChange {
    const server = viewOf(stored, this.auth);
    return { server, warnings, ...(problem === undefined ? {} : { problem: this.sealed.mask(problem) }) };
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

/** Ids come from addresses and arguments; one that no server can have need not reach the store. */
const isKnowable = ({ serverId: id }: MemberRef): boolean => SERVER_ID.test(id);
