import type { AuditEvent } from '#audit';
import type { Clock, TenantId } from '#kernel';
import {
  type AuthorizationRecord,
  type AuthorizationRecordDraft,
  AuthorizationRecordStore,
  type RecordRef,
} from './authorization-record.store.js';

/** Records of one process, for tests and for trying things out. */
export class MemoryAuthorizationRecordStore extends AuthorizationRecordStore {
  private readonly records = new Map<string, AuthorizationRecord>();
  /** Everything that was recorded, oldest first. */
  readonly events: AuditEvent[] = [];

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    /** Called where a store that others share would announce a change. */
    private readonly announce: (tenant: TenantId) => void = () => undefined,
  ) {
    super();
  }

  override async upsert(draft: AuthorizationRecordDraft, ...events: readonly AuditEvent[]): Promise<void> {
    const { consumedAt } = this.records.get(keyOf(draft)) ?? {};
    this.records.set(keyOf(draft), { ...draft, ...(consumedAt ? { consumedAt } : {}) });
    this.events.push(...events);
  }

  override async insert(draft: AuthorizationRecordDraft): Promise<AuthorizationRecord> {
    const there = this.alive(draft);
    if (!there) this.records.set(keyOf(draft), draft);
    return there ?? draft;
  }

  override async find(ref: RecordRef): Promise<AuthorizationRecord | undefined> {
    return this.alive(ref);
  }

  override async findByUid(tenant: TenantId, kind: string, uid: string): Promise<AuthorizationRecord | undefined> {
    return this.all(tenant).find((record) => record.kind === kind && record.uid === uid);
  }

  override async list(tenant: TenantId, kind: string, limit: number): Promise<readonly AuthorizationRecord[]> {
    return this.all(tenant)
      .filter((record) => record.kind === kind)
      .slice(0, limit);
  }

  override async consume(ref: RecordRef, ...events: readonly AuditEvent[]): Promise<boolean> {
    const record = this.alive(ref);
    if (!record || record.consumedAt) return false;
    this.records.set(keyOf(ref), { ...record, consumedAt: new Date(this.clock.now()) });
    this.events.push(...events);
    return true;
  }

  override async take(ref: RecordRef): Promise<AuthorizationRecord | undefined> {
    const record = this.alive(ref);
    this.records.delete(keyOf(ref));
    return record;
  }

  override async extend(ref: RecordRef, expiresAt: Date): Promise<void> {
    const record = this.alive(ref);
    if (record) this.records.set(keyOf(ref), { ...record, expiresAt });
  }

  override async destroy(ref: RecordRef, ...events: readonly AuditEvent[]): Promise<boolean> {
    if (!this.alive(ref)) return false;
    this.records.delete(keyOf(ref));
    this.tell(ref.tenantId, events);
    return true;
  }

  override async revokeByGrantId(tenant: TenantId, grantId: string, ...events: readonly AuditEvent[]): Promise<number> {
    const gone = [...this.records.values()].filter((one) => one.tenantId === tenant && one.grantId === grantId);
    for (const record of gone) this.records.delete(keyOf(record));
    if (gone.length > 0) this.tell(tenant, events);
    return gone.length;
  }

  override async sweep(limit: number): Promise<number> {
    const gone = [...this.records.values()].filter((record) => !this.isAlive(record)).slice(0, limit);
    for (const record of gone) this.records.delete(keyOf(record));
    return gone.length;
  }

  private tell(tenant: TenantId, events: readonly AuditEvent[]): void {
    this.events.push(...events);
    this.announce(tenant);
  }

  private all(tenant: TenantId): readonly AuthorizationRecord[] {
    return [...this.records.values()].filter((record) => record.tenantId === tenant && this.isAlive(record));
  }

  private alive(ref: RecordRef): AuthorizationRecord | undefined {
    const record = this.records.get(keyOf(ref));
    return record && this.isAlive(record) ? record : undefined;
  }

  private isAlive({ expiresAt }: AuthorizationRecord): boolean {
    return expiresAt === undefined || expiresAt.getTime() > this.clock.now();
  }
}

const keyOf = ({ tenantId, kind, id }: RecordRef): string => [tenantId, kind, id].join(' ');
