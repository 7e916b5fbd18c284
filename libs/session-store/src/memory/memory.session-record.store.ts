import type { Clock, TenantId } from '#kernel';
import {
  type NewSessionRecord,
  RANGE_LIMIT,
  type RecordRange,
  type SessionRecord,
  SessionRecordStore,
} from '../session-record.store.js';

interface Kept extends SessionRecord {
  readonly tenant: TenantId;
  readonly until: number;
}

/** Records of some processes in one memory, for tests. */
export class MemorySessionRecordStore extends SessionRecordStore {
  private readonly records = new Map<string, Kept>();

  /** @param announce tells all of them that there is news */
  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly announce: (tenant: TenantId) => void = () => undefined,
  ) {
    super();
  }

  get size(): number {
    return this.records.size;
  }

  override async put(tenant: TenantId, records: readonly NewSessionRecord[], isNews: boolean): Promise<void> {
    for (const { seconds, ...record } of records) {
      const until = this.clock.now() + seconds * 1000;
      this.records.set([tenant, record.session, record.name].join(' '), { ...record, tenant, until });
    }
    if (isNews) this.announce(tenant);
  }

  override async list(tenant: TenantId, session: string, { prefix, after = '' }: RecordRange) {
    return [...this.own(tenant, session, prefix)]
      .map(([, kept]) => kept)
      .filter(({ name, until }) => name > after && until > this.clock.now())
      .map(({ name, body }) => ({ session, name, body }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, RANGE_LIMIT);
  }

  override async remove(tenant: TenantId, session: string, prefix: string): Promise<void> {
    for (const [key] of [...this.own(tenant, session, prefix)]) this.records.delete(key);
  }

  override async sweep(limit: number): Promise<number> {
    const expired = [...this.records].filter(([, { until }]) => until <= this.clock.now()).slice(0, limit);
    for (const [key] of expired) this.records.delete(key);
    return expired.length;
  }

  private *own(tenant: TenantId, session: string, prefix: string): Iterable<readonly [string, Kept]> {
    for (const entry of this.records) {
      const [, kept] = entry;
      if (kept.tenant === tenant && kept.session === session && kept.name.startsWith(prefix)) yield entry;
    }
  }
}
