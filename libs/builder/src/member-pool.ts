import type { CredentialState } from '#auth';
import { Clock, type ComposerError, type MemberRef, type PrincipalId, type ServerId, type TenantId } from '#kernel';
import { Log } from '#observability';
import {
  type Admission,
  type Candidate,
  CatalogStore,
  type MemberGate,
  type OpenedServer,
  type ServerConfig,
  ServerRegistry,
  type StoredCatalog,
} from '#registry';
import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';
import { asComposerError } from './builder.errors.js';
import { awaitsConsent } from './failure-text.js';
import { judgeAddresses } from './judge-addresses.js';
import type { Member, MemberOutcome } from './member.js';
import { LIST_KINDS, type ListKind, offersNothing } from './member-offer.js';
import { type OfferListener, OfferListeners } from './offer-listeners.js';
import { DueChecks } from './due-checks.js';
import { MemberSlot } from './member-slot.js';
import { builderFor } from './members/member-builders.js';
import { MemberParts } from './members/member-parts.js';
import { TimeLimit } from './wire/time-limit.js';

/** How long a member may take to show that it works, in all. */
export const PROBE_MS = 5_000;
/** How long a member that was replaced may go on with the calls that it has begun. */
const GRACE_MS = 30_000;
const SHUTDOWN_GRACE_MS = 5_000;
const BY_GRAVITY: readonly CredentialState[] = ['config_error', 'reauth_required', 'held', 'refreshing', 'live'];

/**
 * The members that serve now, by tenant. Builds them from configurations, swaps them without losing a call, and keeps
 * what they offer up to date. One pool per process; every process builds the same members from the same store.
 */
@Injectable()
export class MemberPool implements MemberGate, OnModuleInit, BeforeApplicationShutdown {
  private readonly tenants = new Map<TenantId, Promise<Map<ServerId, MemberSlot>>>();
  private readonly loaded = new Map<TenantId, Map<ServerId, MemberSlot>>();
  private readonly listeners = new OfferListeners();
  private readonly closing = new Set<Promise<void>>();
  private readonly checking = new Map<MemberSlot, Promise<void>>();
  private readonly due: DueChecks;

  constructor(
    private readonly registry: ServerRegistry,
    private readonly catalogs: CatalogStore,
    private readonly parts: MemberParts,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.due = new DueChecks(parts.deadlines, (slot, as) => void this.checkAgain(slot, as));
  }

  onModuleInit(): void {
    this.registry.useGate(this);
  }

  /** Before the server closes, because it waits for every call that is still under way. */
  async beforeApplicationShutdown(): Promise<void> {
    const members = [...this.loaded.values()].flatMap((slots) => [...slots.values()]);
    await Promise.all([...members.map((slot) => slot.member?.close(SHUTDOWN_GRACE_MS)), ...this.closing]);
  }

  /** Builds the stored members of a tenant, once. Contacts none of them: what they offered last is in the store. */
  async load(tenant: TenantId): Promise<void> {
    await this.slotsOf(tenant);
  }

  isLoaded(tenant: TenantId): boolean {
    return this.loaded.has(tenant);
  }

  /** Whether the tenant has been loaded, or is about to be. */
  isWanted(tenant: TenantId): boolean {
    return this.tenants.has(tenant);
  }

  /** The members of a tenant that has been loaded, ordered by id. */
  members(tenant: TenantId): readonly MemberSlot[] {
    const slots = [...(this.loaded.get(tenant)?.values() ?? [])];
    return slots.sort((a, b) => (a.ref.serverId < b.ref.serverId ? -1 : 1));
  }

  /** All members of all tenants that this process serves. */
  everyMember(): readonly MemberSlot[] {
    return [...this.loaded.values()].flatMap((slots) => [...slots.values()]);
  }

  find({ tenantId, serverId }: MemberRef): MemberSlot | undefined {
    return this.loaded.get(tenantId)?.get(serverId);
  }

  /** Calls `listener` whenever what a tenant's members offer has changed. Returns how to stop it. */
  onChange(listener: OfferListener): () => void {
    return this.listeners.add(listener);
  }

  /**
   * Asks a member anew, within `PROBE_MS`, and takes over what it offers. Callers at the same time share one check. Never
   * rejects: the outcome is in the slot.
   *
   * @param as whose credential is used where every principal has its own. Without, such a member is asked only as long as
   * nothing is known of it: nobody's credential is spent on checks.
   */
  check(slot: MemberSlot, as?: PrincipalId): Promise<void> {
    let check = this.checking.get(slot);
    if (!check) {
      check = this.checkNow(slot, as).finally(() => this.checking.delete(slot));
      this.checking.set(slot, check);
    }
    return check;
  }

  /**
   * The stored credentials of a server, or of some server of a tenant, have changed, whichever process changed them: of one
   * principal, or of anybody. Nothing older is sent any more, and a member that waited for one is asked again.
   */
  noteCredentialsChanged(tenant: TenantId, server?: ServerId, principal?: PrincipalId): void {
    for (const slot of this.members(tenant)) {
      if (server !== undefined && slot.ref.serverId !== server) continue;
      slot.member?.forgetCredentials(principal);
      if (server === undefined && !slot.awaitsConsent) continue;
      // What was refused before says nothing of what is there now.
      if (slot.outcome === 'auth_required') slot.note('unknown');
      if (slot.outcome === 'unknown') this.due.add(slot, principal);
    }
  }

  judge(addresses: readonly { readonly path: string; readonly url: string }[]): Promise<void> {
    return judgeAddresses(this.parts.guard, addresses);
  }

  /** How the credential that all callers of a member share stands at its issuer, the worst if tools have others. */
  async credentialStateOf({ ref }: MemberSlot): Promise<CredentialState | undefined> {
    const shared = await this.parts.auth.standings({ ...ref, of: [null] });
    return BY_GRAVITY.find((state) => shared.some((standing) => standing.state === state));
  }

  async admit({ ref, config }: Candidate): Promise<Admission> {
    await this.slotsOf(ref.tenantId);
    if (config.status === 'deactivated') return { activate: () => undefined, discard: async () => undefined };

    const stored = await this.catalogs.read(ref);
    const slot = new MemberSlot(ref, config, this.log, (text) => this.registry.mask(text));
    const member = await builderFor(config.type).build({
      ...this.orderFor(slot, config),
      isNew: true,
      ...(stored ? { stored } : {}),
    });
    const fault = await this.probe(member, slot);
    slot.serveWith(member);
    const knowsItsTools = !fault || ['openapi', 'graphql', 'local'].includes(config.type);
    return {
      ...(fault ? { problem: fault.message, awaitsConsent: awaitsConsent(fault) } : {}),
      ...(knowsItsTools ? { catalog: member.snapshot() } : {}),
      activate: (mark) => {
        slot.mark = mark;
        this.serve(slot);
      },
      discard: () => member.close(0),
    };
  }

  async retire(ref: MemberRef): Promise<void> {
    const slots = await this.slotsOf(ref.tenantId);
    const slot = slots.get(ref.serverId);
    if (!slots.delete(ref.serverId) || !slot) return;
    this.listeners.tellOf(ref.tenantId, [slot.offer]);
    if (slot.member) this.close(slot.member);
  }

  /** Serves what is stored now, if that is not what serves already. For changes that another process has made. */
  async follow(ref: MemberRef, stored?: OpenedServer): Promise<void> {
    if (!stored || isDeactivated(stored)) return this.retire(ref);
    const slots = await this.slotsOf(ref.tenantId);
    if (slots.get(ref.serverId)?.mark === stored.mark) return;
    this.serve(await this.slotFor(stored, await this.catalogs.read(ref)));
  }

  /** The tenant is served no more, until it is loaded again. */
  async unload(tenant: TenantId): Promise<void> {
    const slots = await this.tenants.get(tenant)?.catch(() => undefined);
    if (!slots) return;
    this.tenants.delete(tenant);
    this.loaded.delete(tenant);
    this.listeners.tell(tenant, LIST_KINDS);
    for (const { member } of slots.values()) if (member) this.close(member);
  }

  async isWorking(ref: MemberRef): Promise<boolean> {
    const slot = this.find(ref);
    if (slot && slot.outcome !== 'ok') await this.check(slot);
    return slot?.outcome === 'ok';
  }

  private async checkNow(slot: MemberSlot, as?: PrincipalId): Promise<void> {
    const { member } = slot;
    if (!member) return;
    if (member.isPerPrincipal && as === undefined) {
      if (!offersNothing(slot.offer) || (await this.takeStored(slot, member))) return;
    }
    const fault = await this.probe(member, slot, as);
    const lists = !fault && this.find(slot.ref) === slot ? slot.takeOver(member.offered()) : undefined;
    if (!lists) return;
    this.listeners.tell(slot.ref.tenantId, lists);
    try {
      await this.catalogs.write(slot.ref, member.snapshot());
    } catch (error) {
      slot.log.warn('the catalogue of a member could not be stored; it is fetched again after a restart', {
        err: error,
      });
    }
  }

  /** What another process was told by a member that tells it to principals alone. False if that is nothing. */
  private async takeStored(slot: MemberSlot, member: Member): Promise<boolean> {
    const { config, ref } = slot;
    // A store that is away is asked again at the next check.
    const stored = await this.catalogs.read(ref).catch(() => undefined);
    if (!config || !stored) return false;
    const next = await builderFor(config.type).build({ ...this.orderFor(slot, config), isNew: false, stored });
    const isKnown = !offersNothing(next.offered()) && this.find(ref) === slot;
    if (isKnown) slot.serveWith(next);
    this.close(isKnown ? member : next);
    if (isKnown) this.listeners.tellOf(ref.tenantId, [slot.offer]);
    return isKnown;
  }

  private slotsOf(tenant: TenantId): Promise<Map<ServerId, MemberSlot>> {
    let slots = this.tenants.get(tenant);
    if (!slots) {
      slots = this.build(tenant);
      this.tenants.set(tenant, slots);
      slots.catch(() => this.tenants.delete(tenant));
    }
    return slots;
  }

  private async build(tenant: TenantId): Promise<Map<ServerId, MemberSlot>> {
    const [servers, catalogs] = await Promise.all([this.registry.openAll(tenant), this.catalogs.list(tenant)]);
    const slots = new Map<ServerId, MemberSlot>();
    for (const server of servers) {
      if (isDeactivated(server)) continue;
      slots.set(server.ref.serverId, await this.slotFor(server, catalogs.get(server.ref.serverId)));
    }
    this.loaded.set(tenant, slots);
    return slots;
  }

  private async slotFor(
    { ref, mark, config, problem, isLacking }: OpenedServer,
    catalog: StoredCatalog | undefined,
  ): Promise<MemberSlot> {
    const slot = new MemberSlot(ref, config, this.log, (text) => this.registry.mask(text));
    slot.mark = mark;
    if (!config) slot.note(isLacking ? 'needs_reentry' : 'error', problem);
    else await this.buildStored(slot, config, catalog);
    return slot;
  }

  /** From now on this slot is the one of its server; the member that it replaces finishes what it has begun. */
  private serve(slot: MemberSlot): void {
    const { tenantId, serverId } = slot.ref;
    const slots = this.loaded.get(tenantId);
    const old = slots ? slots.get(serverId) : slot; // who serves a tenant that is unloaded meanwhile builds it anew
    slots?.set(serverId, slot);
    this.listeners.tellOf(tenantId, [slot.offer, ...(old ? [old.offer] : [])]);
    if (old?.member) this.close(old.member);
  }

  private async buildStored(slot: MemberSlot, config: ServerConfig, stored: StoredCatalog | undefined): Promise<void> {
    try {
      const order = { ...this.orderFor(slot, config), isNew: false, ...(stored ? { stored } : {}) };
      slot.serveWith(await builderFor(config.type).build(order));
    } catch (error) {
      const { message } = asComposerError(error);
      slot.log.error('a stored member cannot be built', { err: error });
      slot.note('error', message);
    }
  }

  private orderFor(slot: MemberSlot, config: ServerConfig) {
    const noteOutcome = (outcome: MemberOutcome, by?: PrincipalId) => this.noteOutcome(slot, outcome, by);
    const noteListChanged = (to?: PrincipalId, list?: ListKind) => {
      if (list) slot.noteAnnounced(list);
      this.due.add(slot, to);
    };
    return { ref: slot.ref, config, parts: this.parts, clock: this.clock, log: slot.log, noteOutcome, noteListChanged };
  }

  private noteOutcome(slot: MemberSlot, outcome: MemberOutcome, by?: PrincipalId): void {
    // That one principal lacks a credential says nothing of the member.
    if (by !== undefined && outcome === 'auth_required') return;
    // Nobody could be asked for the list before, or not since this process began.
    if (by !== undefined && outcome === 'ok' && slot.outcome !== 'ok') this.due.add(slot, by);
    slot.note(outcome);
  }

  /** A check that has begun already may have read the list before it changed. */
  private async checkAgain(slot: MemberSlot, as?: PrincipalId): Promise<void> {
    if (this.find(slot.ref) !== slot) return;
    try {
      await this.checking.get(slot);
      await this.check(slot, as);
    } catch (error) {
      slot.log.error('a check of a member failed internally', { err: error });
    }
  }

  /** Undefined if the member works, else why it does not. */
  private async probe(member: Member, slot: MemberSlot, as?: PrincipalId): Promise<ComposerError | undefined> {
    try {
      await new TimeLimit(PROBE_MS).waitFor(member.refresh(PROBE_MS, as), this.parts.deadlines);
      // A call was refused its credential, and this check cannot tell whether that is over.
      if (member.provesCredential || slot.outcome !== 'auth_required') slot.note('ok');
      slot.awaitsConsent = false;
      return undefined;
    } catch (error) {
      const fault: ComposerError = asComposerError(error);
      slot.noteFailure(fault);
      slot.awaitsConsent = awaitsConsent(fault);
      slot.log.debug('a member did not answer its check', { err: fault });
      return fault;
    }
  }

  private close(member: Member): void {
    const closed: Promise<void> = member
      .close(GRACE_MS)
      .catch((error: unknown) => this.log.warn('a member could not be closed', { err: error }))
      .finally(() => this.closing.delete(closed));
    this.closing.add(closed);
  }
}

const isDeactivated = ({ config, status = config?.status }: OpenedServer): boolean => status === 'deactivated';
