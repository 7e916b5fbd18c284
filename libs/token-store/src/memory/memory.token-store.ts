import type { AuditEvent } from '#audit';
import type { Clock, ServerId, TenantId } from '#kernel';
import type { Change, CredentialRecord, Look, Sight } from '../credential-record.js';
import { type TokenKey, credentialId } from '../token-key.js';
import { TAKEN_MS, type StandingsWish, TokenStore, type Which, isAmong, isWished, markOf } from '../token-store.js';

const TAKEN_AT_ONCE = 200;

/** Credentials of one process, for tests and for trying things out. */
export class MemoryTokenStore extends TokenStore {
  private readonly records = new Map<string, CredentialRecord>();
  /** By place; what was put in its place since is another one. */
  private readonly taken = new Map<string, { readonly record: CredentialRecord; readonly at: number }>();
  /** Everything that was recorded, oldest first. */
  readonly events: { readonly tenantId: TenantId; readonly event: AuditEvent }[] = [];

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    /** Called where a store that others share would announce a change. */
    private readonly announce: (tenant: TenantId) => void = () => undefined,
    private readonly isGone: (owner: number) => boolean = () => false,
  ) {
    super();
  }

  override async read(key: TokenKey): Promise<Sight | undefined> {
    const record = this.records.get(placeOf(key));
    return record && this.sightOf(record);
  }

  override async change<T>(key: TokenKey, decide: (look: Look) => Change<T>): Promise<T> {
    const found = this.records.get(placeOf(key));
    const {
      result,
      record,
      events = [],
      isNews,
    } = decide(found ? this.sightOf(found) : { record: undefined, now: this.clock.now() });
    if (record) {
      this.records.set(placeOf(key), record);
      this.taken.delete(placeOf(key));
    }
    this.events.push(...events.map((event) => ({ tenantId: key.tenantId, event })));
    if (isNews) this.announce(key.tenantId);
    return result;
  }

  override async list(wish: StandingsWish, limit: number): Promise<readonly Sight[]> {
    const { tenantId, serverId } = wish;
    return this.find({ tenantId, serverId })
      .filter((record) => isWished(record, wish))
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .slice(0, limit)
      .map((record) => this.sightOf(record));
  }

  override async marks(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = ids.flatMap((id) => {
      const record = this.records.get(`${tenant}/${id}`);
      return record ? [[id, markOf(record)] as const] : [];
    });
    return new Map(found);
  }

  override async resting(tenantId: TenantId, restingMs: number): Promise<readonly ServerId[]> {
    return [...new Set(this.find({ tenantId, restingMs }).map(({ key }) => key.serverId))];
  }

  override async take(which: Which, event: (record: CredentialRecord) => AuditEvent) {
    const now = this.clock.now();
    const left = [...this.taken.values()].filter(({ at }) => at <= now - TAKEN_MS).map(({ record }) => record);
    const taken = [...this.find(which), ...this.find(which, left)].slice(0, TAKEN_AT_ONCE);
    for (const record of taken) {
      this.records.delete(placeOf(record.key));
      this.taken.set(placeOf(record.key), { record, at: now });
      this.events.push({ tenantId: which.tenantId, event: event(record) });
    }
    if (taken.length > 0) this.announce(which.tenantId);
    return taken;
  }

  override async discard(_: TenantId, taken: readonly TokenKey[]): Promise<void> {
    for (const key of taken) this.taken.delete(placeOf(key));
  }

  private find(which: Which, among: Iterable<CredentialRecord> = this.records.values()): CredentialRecord[] {
    const now = this.clock.now();
    return [...among].filter((record) => isAmong(record, which, now));
  }

  private sightOf(record: CredentialRecord): Sight {
    const owner = record.claim?.owner;
    return { record, now: this.clock.now(), isOwnerGone: owner !== undefined && this.isGone(owner) };
  }
}

const placeOf = (key: TokenKey): string => `${key.tenantId}/${credentialId(key)}`;
