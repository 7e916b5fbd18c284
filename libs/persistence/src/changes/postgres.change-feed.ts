import { setTimeout as pause } from 'node:timers/promises';
import { type TenantId, tenantId } from '#kernel';
import { Log } from '#observability';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { DatabaseConnection } from '../database/database-connection.js';
import { Database } from '../database/database.js';
import type { NumberedChange } from '../database/transaction.js';
import { KeyRingFile } from '../sealing/key-ring-file.js';
import { ChangeErrands, type Mark, keyOf } from './change-errands.js';
import { ChangeFeed, type ChangeListener, type Replica } from './change-feed.js';
import { ChangeNotices } from './change-notices.js';
import { PacedLoop } from './paced-loop.js';
import { NEVER, Replicas, markOf } from './replicas.js';

/** The net below the notices, and what bounds how old the knowledge of this process is. */
const POLL = { everyMs: 1_000, apartMs: 50 };
const REPORT = { everyMs: 1_000, apartMs: 20 };
const SETTLE_MS = 50;

/** What one look at the table found. */
interface Look {
  readonly changes: readonly NumberedChange[];
  /** When it began, by the clock of the database. */
  readonly at: Mark;
  /** The oldest transaction that was not over then, `xid8` as text: whatever comes to light later has no lower number. */
  readonly horizon: string;
}

interface Row {
  readonly at: Mark;
  readonly horizon: string;
  readonly tenant_id: TenantId | null;
  readonly topic: string;
  readonly version: string;
}

/**
 * Changes out of `change_versions`, found by looking every second, and sooner when a notice comes. A look asks for what
 * transactions have changed that were not over at the look before: neither slow commits nor clocks let one slip. The
 * first look finds every change there ever was, because what was read before it is not known.
 */
@Injectable()
export class PostgresChangeFeed extends ChangeFeed implements OnModuleInit, OnApplicationShutdown {
  private readonly errands = new Set<ChangeErrands>();
  /** The last version that was told, by topic of a tenant. */
  private readonly told = new Map<string, number>();
  private readonly replicas: Replicas;
  private readonly polls = new PacedLoop(() => this.poll(), POLL);
  private readonly reports = new PacedLoop(() => this.report(), REPORT);
  private stopListening: () => void = () => undefined;
  private isFollowing = false;
  private isAway = false;
  private horizon = '0';
  private reached: Mark = NEVER;
  /** Nothing was read before this process began, so nothing older can have been missed. */
  private provenAt = performance.now();

  constructor(
    private readonly database: Database,
    private readonly connection: DatabaseConnection,
    private readonly notices: ChangeNotices,
    private readonly log: Log,
    keyRing: KeyRingFile,
  ) {
    super();
    this.replicas = new Replicas(database, keyRing);
  }

  onModuleInit(): void {
    this.stopListening = this.database.onAnnounced((change) => this.tell(change));
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopListening();
    for (const errands of this.errands) errands.close();
    if (!this.isFollowing) return;
    await Promise.all([this.polls.stop(), this.reports.stop(), this.notices.close()]);
    await this.replicas
      .leave()
      .catch((error: unknown) => this.log.warn('could not sign off as a replica', { err: error }));
  }

  /** @throws DatabaseUnavailableError */
  override async follow(): Promise<void> {
    if (this.connection.isEmbedded || this.isFollowing) return;
    await this.look();
    await this.replicas.report(this.applied());
    this.isFollowing = true;
    this.polls.start();
    this.reports.start();
    this.notices.open(() => this.polls.wake());
  }

  override onChange(listener: ChangeListener): () => void {
    const errands = new ChangeErrands(listener, this.log, () => this.reports.wake());
    this.errands.add(errands);
    return () => {
      this.errands.delete(errands);
      errands.close();
    };
  }

  override staleness(): number {
    return this.connection.isEmbedded ? 0 : performance.now() - this.provenAt;
  }

  override async settled(timeoutMs: number): Promise<readonly Replica[]> {
    const deadline = performance.now() + timeoutMs;
    const mark = this.connection.isEmbedded ? undefined : await this.replicas.wakeAll();
    for (;;) {
      const behind = mark === undefined ? this.ownErrands() : await this.replicas.behind(mark);
      const isOver = performance.now() >= deadline || !behind.some(({ isLive }) => isLive);
      if (isOver) return behind.map(({ replica }) => replica);
      await pause(SETTLE_MS);
    }
  }

  /** Where there is but one process, it is behind while a listener of its own is. */
  private ownErrands() {
    const isBehind = [...this.errands].some((errands) => errands.oldest() !== undefined);
    return isBehind ? [{ replica: this.replicas.own(), isLive: true }] : [];
  }

  private async poll(): Promise<void> {
    try {
      await this.look();
      if (this.isAway) this.log.info('changes of other processes are followed again');
      this.isAway = false;
    } catch (error) {
      if (!this.isAway) this.log.warn('changes of other processes cannot be followed at the moment', { err: error });
      this.isAway = true;
    }
  }

  private async look(): Promise<void> {
    const begunAt = performance.now();
    const { changes, at, horizon } = await this.read();
    for (const change of changes) this.tell(change);
    this.provenAt = begunAt;
    this.reached = at;
    this.advance(horizon);
    this.reports.wake();
  }

  private async read(): Promise<Look> {
    const rows = await this.database.asOperator((tx) =>
      tx.query<Row>(
        // The time of the statement is taken before its snapshot, so that what was committed by then is seen.
        `SELECT now.at, now.horizon::text AS horizon, tenant_id, topic, version
           FROM (SELECT ${markOf('statement_timestamp()')} AS at, pg_snapshot_xmin(pg_current_snapshot()) AS horizon) now
           LEFT JOIN change_versions ON changed_in >= $1::text::xid8`,
        [this.horizon],
      ),
    );
    const [{ at, horizon }] = rows as [Row, ...Row[]];
    const changes = rows.flatMap(({ tenant_id, topic, version }) =>
      tenant_id === null ? [] : [{ tenantId: tenantId(tenant_id), topic, version: Number(version) }],
    );
    return { changes, at, horizon };
  }

  private advance(horizon: string): void {
    if (BigInt(horizon) >= BigInt(this.horizon)) {
      this.horizon = horizon;
      return;
    }
    this.log.warn('the database counts its transactions from an earlier one on: everything counts as changed');
    this.told.clear();
    this.horizon = '0';
    this.polls.wake();
  }

  private tell(change: NumberedChange): void {
    const key = keyOf(change);
    if (change.version <= (this.told.get(key) ?? 0)) return;
    this.told.set(key, change.version);
    const { tenantId, topic } = change;
    for (const errands of this.errands) errands.add({ tenantId, topic }, this.reached);
  }

  private applied(): Mark {
    const open = [...this.errands].map((errands) => errands.oldest()).filter((mark) => mark !== undefined);
    return open.sort()[0] ?? this.reached;
  }

  private async report(): Promise<void> {
    try {
      await this.replicas.report(this.applied());
    } catch (error) {
      this.log.debug('could not report as a replica', { err: error });
    }
  }
}
