import { setTimeout as pause } from 'node:timers/promises';
import { Clock } from '#kernel';
import { Log } from '#observability';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Change, NumberedChange } from '../database/transaction.js';
import { Documents, OPERATOR, type StoredDocument } from '../documents/documents.js';
import { KeyRingFile } from '../sealing/key-ring-file.js';
import { ChangeErrands, type Mark, keyOf } from './change-errands.js';
import { ChangeFeed, type ChangeListener, type Replica } from './change-feed.js';
import { CHANGES, DocumentChanges, changeOf } from './document-changes.js';
import { CALLS, type Call, DocumentReplicas, FIRST, callOf } from './document-replicas.js';
import { PacedLoop } from './paced-loop.js';

const POLL = { everyMs: 1_000, apartMs: 50 };
const REPORT = { everyMs: 2_000, apartMs: 20 };
const SETTLE_MS = 200;
/**
 * Who reads what has changed may be shown it late, as a node may show everything. So it is told once more, when that
 * is over as far as anybody can tell.
 */
const ECHO_MS = 3_000;
const PAGE = 1_000;
/** How long what this process has announced may be needed by a call. */
const RECENT_MS = 60_000;
const RECENT_MOST = 100;
/** Nobody who looks every second can have missed it for so long. */
const OLD_MS = 30 * 24 * 3_600_000;

interface Look {
  readonly changes: readonly NumberedChange[];
  readonly call: Call;
}

/**
 * Changes out of the documents that count them, found by looking every second. A look sees all of them, so that one
 * which a node shows late is found by a later look. A number tells the state of a topic, not of a look: whatever order
 * nodes show things in, a number that was not told yet is news; and it is told once more a little later.
 */
@Injectable()
export class DocumentsChangeFeed extends ChangeFeed implements OnModuleInit, OnApplicationShutdown {
  private readonly errands = new Set<ChangeErrands>();
  /** The highest number that was told, by topic of a tenant. */
  private readonly told = new Map<string, number>();
  /** What is to be told once more, and when. */
  private readonly echoes = new Map<string, { readonly change: Change; readonly dueAt: number }>();
  /** What this process has announced lately, newest last. */
  private recent: readonly NumberedChange[] = [];
  private readonly replicas: DocumentReplicas;
  private readonly polls = new PacedLoop(() => this.poll(), POLL);
  private readonly reports = new PacedLoop(() => this.report(), REPORT);
  private stopListening: () => void = () => undefined;
  private isFollowing = false;
  private isAway = false;
  private reached: Mark = FIRST;
  private reported: Mark = FIRST;
  /** Nothing was read before this process began, so nothing older can have been missed. */
  private provenAt = performance.now();

  constructor(
    private readonly documents: Documents,
    private readonly changes: DocumentChanges,
    private readonly clock: Clock,
    private readonly keyRing: KeyRingFile,
    private readonly log: Log,
  ) {
    super();
    this.replicas = new DocumentReplicas(documents, clock);
  }

  onModuleInit(): void {
    this.stopListening = this.changes.onAnnounced((change) => this.tellOwn(change));
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopListening();
    for (const errands of this.errands) errands.close();
    if (!this.isFollowing) return;
    await Promise.all([this.polls.stop(), this.reports.stop()]);
    await this.replicas
      .leave()
      .catch((error: unknown) => this.log.warn('could not sign off as a replica', { err: error }));
  }

  /** @throws DatabaseUnavailableError */
  override async follow(): Promise<void> {
    if (this.isFollowing) return;
    await this.look();
    await this.replicas.report(this.applied(), this.keyRing.ring.ids);
    this.isFollowing = true;
    this.polls.start();
    this.reports.start();
  }

  override onChange(listener: ChangeListener): () => void {
    const errands = new ChangeErrands(listener, this.log, () => this.wakeReports());
    this.errands.add(errands);
    return () => {
      this.errands.delete(errands);
      errands.close();
    };
  }

  override staleness(): number {
    return performance.now() - this.provenAt;
  }

  override async settled(timeoutMs: number): Promise<readonly Replica[]> {
    const deadline = performance.now() + timeoutMs;
    const mark = await this.replicas.call(this.recentNews());
    this.polls.wake();
    for (;;) {
      const behind = await this.replicas.behind(mark);
      const isOver = performance.now() >= deadline || !behind.some(({ isLive }) => isLive);
      if (isOver) return behind.map(({ replica }) => replica);
      await pause(SETTLE_MS);
    }
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
    const { changes, call } = await this.read();
    for (const change of [...changes, ...call.news]) this.tell(change);
    this.provenAt = begunAt;
    if (call.mark > this.reached) this.reached = call.mark;
    this.echo();
    this.wakeReports();
  }

  private async read(): Promise<Look> {
    const found: StoredDocument[] = [];
    for (let page: readonly StoredDocument[] | undefined; !page || page.length === PAGE;) {
      const after = page?.at(-1)?.path;
      page = await this.documents.range(OPERATOR, { prefix: CHANGES, limit: PAGE, ...(after ? { after } : {}) });
      found.push(...page);
    }
    const called = found.find(({ path }) => path === CALLS);
    const counted = found.filter(({ path }) => path !== CALLS);
    if (!this.isFollowing) await this.clear(counted);
    return { changes: counted.map(changeOf), call: called ? callOf(called) : { mark: FIRST, news: [] } };
  }

  /** What nobody can have missed any more needs not be looked at again and again. */
  private async clear(counted: readonly StoredDocument[]): Promise<void> {
    for (const stored of counted) {
      if (this.clock.now() - changeOf(stored).version <= OLD_MS) continue;
      await this.documents.remove({ partition: OPERATOR, path: stored.path }, stored.rev).catch(() => undefined);
    }
  }

  private tellOwn(change: NumberedChange): void {
    this.recent = [...this.recent, change].slice(-RECENT_MOST);
    this.told.delete(keyOf(change)); // whatever others count: this is news
    this.tell(change);
  }

  private tell(change: NumberedChange): void {
    const key = keyOf(change);
    if (change.version <= (this.told.get(key) ?? 0)) return;
    this.told.set(key, change.version);
    const { tenantId, topic } = change;
    this.echoes.set(key, { change: { tenantId, topic }, dueAt: performance.now() + ECHO_MS });
    this.handOn({ tenantId, topic });
  }

  private echo(): void {
    for (const [key, { change, dueAt }] of this.echoes) {
      if (dueAt > performance.now()) continue;
      this.echoes.delete(key);
      this.handOn(change);
    }
  }

  private handOn(change: Change): void {
    for (const errands of this.errands) errands.add(change, this.reached);
  }

  private recentNews(): readonly NumberedChange[] {
    // Versions are moments.
    return this.recent.filter(({ version }) => this.clock.now() - version <= RECENT_MS).reverse();
  }

  private applied(): Mark {
    const open = [...this.errands].map((errands) => errands.oldest()).filter((mark) => mark !== undefined);
    return open.sort()[0] ?? this.reached;
  }

  /** Only where there is something to report: each report is a write that others pay for. */
  private wakeReports(): void {
    if (this.isFollowing && this.applied() !== this.reported) this.reports.wake();
  }

  private async report(): Promise<void> {
    const applied = this.applied();
    try {
      await this.replicas.report(applied, this.keyRing.ring.ids);
      this.reported = applied;
    } catch (error) {
      this.log.debug('could not report as a replica', { err: error });
    }
  }
}
