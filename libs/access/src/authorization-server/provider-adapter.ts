import { randomUUID } from 'node:crypto';
import type { AuditEvent } from '#audit';
import { type TenantId, principalId } from '#kernel';
import { SYSTEM } from '#tenancy';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { RecordName, SealedRecords } from './records/sealed-records.js';

/** A client that an administrator has registered. */
export const REGISTERED_CLIENT = 'RegisteredClient';
/** A client that has registered itself (RFC 7591). */
export const DYNAMIC_CLIENT = 'Client';

/** Registered by itself and never used: forgotten after this many seconds. */
const UNUSED_CLIENT_SECONDS = 86_400;
/** Used: forgotten this long after the last consent. Longer than any grant lives. */
const USED_CLIENT_SECONDS = 180 * 86_400;
/** Every sign-in asks again, so a session of the library's own would remember nothing that counts. */
const NOT_KEPT = new Set(['Session', 'AccessToken', 'ClientCredentials']);

export interface AdapterParts {
  readonly tenantId: TenantId;
  readonly records: SealedRecords;
  /** What the library calls to refuse an assertion, a code or a token that was used before. */
  readonly refuse: (kind: string) => Error;
  /** The refresh token that the request under way has presented. */
  readonly presented: () => { readonly accountId?: string | undefined; readonly clientId?: string | undefined };
}

/** One kind of the library's records, kept as sealed records of one tenant. Writes the audit trail of grants. */
export class ProviderAdapter implements Adapter {
  constructor(
    private readonly kind: string,
    private readonly parts: AdapterParts,
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    if (NOT_KEPT.has(this.kind)) return;
    const { records } = this.parts;
    const { grantId } = payload;
    if (this.kind === 'Grant') return this.saveGrant(id, payload, expiresIn);
    if (this.kind === 'ReplayDetection') return this.claimOnce(id, payload, expiresIn);
    const seconds = this.kind === DYNAMIC_CLIENT ? UNUSED_CLIENT_SECONDS : expiresIn;
    await records.write(this.at(id), { payload, seconds, grantId: this.isInteraction ? undefined : grantId });
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (NOT_KEPT.has(this.kind)) return undefined;
    const { records } = this.parts;
    if (this.kind === DYNAMIC_CLIENT) {
      const registered = await records.find<{ metadata: AdapterPayload }>({ ...this.at(id), kind: REGISTERED_CLIENT });
      if (registered) return registered.metadata;
    }
    return records.find<AdapterPayload>(this.at(id));
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return NOT_KEPT.has(this.kind) ? undefined : this.parts.records.findByUid<AdapterPayload>(this.at(uid));
  }

  async findByUserCode(): Promise<undefined> {
    return undefined; // the device flow is off
  }

  /** The library looks before it marks; of two requests that have looked at once, the second one is refused here. */
  async consume(id: string): Promise<void> {
    const { records, tenantId } = this.parts;
    if (await records.consume(this.at(id), this.kind === 'RefreshToken' ? [this.refreshed()] : [])) return;
    const used = await records.find<AdapterPayload>(this.at(id));
    if (used?.grantId) await records.revoke(tenantId, used.grantId, [this.revoked('reused')]);
    throw this.parts.refuse(this.kind);
  }

  async destroy(id: string): Promise<void> {
    if (NOT_KEPT.has(this.kind)) return;
    if (this.kind === 'Grant') return this.revokeByGrantId(id);
    await this.parts.records.destroy(this.at(id));
  }

  /** Whatever kind is asked for, the whole grant ends: nothing of it may outlive the rest. */
  async revokeByGrantId(grantId: string): Promise<void> {
    await this.parts.records.revoke(this.parts.tenantId, grantId, [this.revoked('revoked')]);
  }

  private get isInteraction(): boolean {
    return this.kind === 'Interaction';
  }

  private async saveGrant(id: string, payload: AdapterPayload, seconds: number | undefined): Promise<void> {
    const { records, tenantId } = this.parts;
    const { accountId = '', clientId = '', resources = {} } = payload as Granted;
    const given: AuditEvent = {
      action: 'consent.given',
      actor: { kind: 'principal', id: principalId(accountId) },
      target: `oauth_client:${clientId}`,
      detail: { resources: { ...resources } },
    };
    await records.write(this.at(id), { payload, seconds, grantId: id }, [given]);
    await records.extend({ tenantId, kind: DYNAMIC_CLIENT, name: clientId }, USED_CLIENT_SECONDS);
  }

  private async claimOnce(id: string, payload: AdapterPayload, seconds: number | undefined): Promise<void> {
    const mine = randomUUID();
    const there = await this.parts.records.claim<{ mine: string }>(this.at(id), {
      payload: { ...payload, mine },
      seconds,
    });
    if (there.mine !== mine) throw this.parts.refuse(this.kind);
  }

  private refreshed(): AuditEvent {
    const { accountId, clientId } = this.parts.presented();
    return { action: 'token.refreshed', actor: actorOf(accountId), target: `oauth_client:${clientId ?? ''}` };
  }

  private revoked(reason: string): AuditEvent {
    const { accountId, clientId } = this.parts.presented();
    return {
      action: 'grant.revoked',
      actor: actorOf(accountId),
      ...(clientId === undefined ? {} : { target: `oauth_client:${clientId}` }),
      detail: { reason },
    };
  }

  private at(name: string): RecordName {
    return { tenantId: this.parts.tenantId, kind: this.kind, name };
  }
}

interface Granted {
  readonly accountId?: string;
  readonly clientId?: string;
  readonly resources?: Readonly<Record<string, string>>;
}

const actorOf = (accountId: string | undefined): AuditEvent['actor'] =>
  accountId === undefined ? SYSTEM : { kind: 'principal', id: principalId(accountId) };
