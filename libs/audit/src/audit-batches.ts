import { Clock, type TenantId } from '#kernel';
import { Log } from '#observability';
import { UnknownTenantError } from '#persistence';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { AuditEvent } from './audit-event.js';
import { AuditTrail } from './audit-trail.js';
import { AuditBacklogError, AuditDelayedError } from './audit.errors.js';

/** How long an event waits for others at most. */
const WAIT_MS = 500;
/** Events of one transaction; so many of one tenant wait for nothing more. */
const BATCH = 500;
/** Events that may wait in this process, and those of one tenant among them: what one does may not stop the others. */
const MAX_WAITING = 50_000;
const MAX_WAITING_OF_TENANT = 20_000;
/** Tenants that are written at the same time. */
const SIDE_BY_SIDE = 4;
const FIRST_BACK_OFF_MS = 100;
const MAX_BACK_OFF_MS = 5_000;
/** How long a stop waits for the database. */
const LAST_FLUSH_MS = 8_000;
/** SQLSTATE classes of what no repetition mends: bad data, and rows that may not be, such as those of a tenant that is gone. */
const HOPELESS = /^(22|23)/;

interface Line {
  readonly tenant: TenantId;
  readonly events: AuditEvent[];
  /** Events that are here and events that are still to come. */
  places: number;
  /** How many of the first ones have waited long enough. */
  due: number;
  isWriting: boolean;
}

/**
 * Records what happens often, such as tool calls, off the path of whoever does it: within half a second and the time
 * that one transaction takes, many at once. What has not been written when the process is killed is lost; what was
 * recorded before a stop is written before it ends. While the database is away events wait, in bounded memory; when that
 * is full nothing more is let through unrecorded.
 */
@Injectable()
export class AuditBatches implements OnApplicationShutdown {
  private readonly lines = new Map<TenantId, Line>();
  private places = 0;
  private writing = 0;
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private idle: (() => void)[] = [];

  constructor(
    private readonly trail: AuditTrail,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * Keeps a place for an event that is to come: before something is done that must be recorded after it. Exactly one of
   * `recordReserved` and `release` follows.
   *
   * @throws AuditBacklogError
   */
  reserve(tenant: TenantId): void {
    const ofTenant = this.lines.get(tenant)?.places ?? 0;
    if (this.places >= MAX_WAITING || ofTenant >= MAX_WAITING_OF_TENANT) throw new AuditBacklogError();
    this.lineOf(tenant).places += 1;
    this.places += 1;
  }

  release(tenant: TenantId): void {
    this.free(this.lineOf(tenant), 1);
  }

  recordReserved(tenant: TenantId, event: AuditEvent): void {
    const line = this.lineOf(tenant);
    line.events.push(event.at === undefined ? { ...event, at: this.clock.now() } : event);
    if (line.events.length >= BATCH && this.failures === 0) this.writeAll(line);
    else this.wait(WAIT_MS);
  }

  /**
   * Records at once, and is done when the event is durable. What cannot be recorded now is recorded later all the same.
   *
   * @throws AuditDelayedError
   */
  async recordReservedNow(tenant: TenantId, event: AuditEvent): Promise<void> {
    try {
      await this.trail.record(tenant, event);
    } catch (error) {
      this.recordReserved(tenant, event);
      throw new AuditDelayedError(error);
    }
    this.release(tenant);
  }

  /** @throws AuditBacklogError */
  record(tenant: TenantId, event: AuditEvent): void {
    this.reserve(tenant);
    this.recordReserved(tenant, event);
  }

  /** Resolves when everything that was recorded until now is written. */
  async flush(): Promise<void> {
    for (const line of this.lines.values()) this.writeAll(line);
    while (this.hasDue()) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  /** The server has answered its last request by now, and the database is still open. */
  async onApplicationShutdown(): Promise<void> {
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (deadline = setTimeout(resolve, LAST_FLUSH_MS)));
    await Promise.race([this.flush(), late]);
    clearTimeout(deadline);
    clearTimeout(this.timer);
    const lost = [...this.lines.values()].reduce((sum, { events }) => sum + events.length, 0);
    if (lost > 0) this.log.error('events of the audit trail are lost: the database was away until the end', { lost });
  }

  private lineOf(tenant: TenantId): Line {
    let line = this.lines.get(tenant);
    if (!line) this.lines.set(tenant, (line = { tenant, events: [], places: 0, due: 0, isWriting: false }));
    return line;
  }

  private wait(ms: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      for (const line of this.lines.values()) this.writeAll(line);
    }, ms);
  }

  private writeAll(line: Line): void {
    line.due = line.events.length;
    this.write(line);
  }

  private write(line: Line): void {
    if (line.isWriting || line.due === 0 || this.writing >= SIDE_BY_SIDE) return;
    line.isWriting = true;
    this.writing += 1;
    void this.writeBatch(line).finally(() => {
      line.isWriting = false;
      this.writing -= 1;
      if (this.failures > 0) this.wait(backOff(this.failures));
      else this.goOn();
      for (const tell of this.idle.splice(0)) tell();
    });
  }

  /** What is due had to wait because too much was being written. */
  private goOn(): void {
    for (const line of this.lines.values()) {
      this.write(line);
      if (line.events.length > 0) this.wait(WAIT_MS);
    }
  }

  private async writeBatch(line: Line): Promise<void> {
    const batch = line.events.slice(0, BATCH);
    try {
      await this.trail.record(line.tenant, ...batch);
      this.done(line, batch.length);
    } catch (error) {
      if (!isHopeless(error)) return this.noteFailure(error);
      if (batch.length > 1) return this.writeSingly(line, batch);
      this.log.error('an event cannot be recorded', { tenant: line.tenant, event: batch[0], err: error });
      this.done(line, 1);
    }
  }

  /** One event that cannot be recorded may not keep the others from it. */
  private async writeSingly(line: Line, batch: readonly AuditEvent[]): Promise<void> {
    for (const event of batch) {
      try {
        await this.trail.record(line.tenant, event);
      } catch (error) {
        if (!isHopeless(error)) return this.noteFailure(error);
        this.log.error('an event cannot be recorded', { tenant: line.tenant, event, err: error });
      }
      this.done(line, 1);
    }
  }

  private done(line: Line, count: number): void {
    if (this.failures > 0) this.log.info('the audit trail is written again', { waiting: this.places });
    this.failures = 0;
    line.events.splice(0, count);
    line.due = Math.max(0, line.due - count);
    this.free(line, count);
  }

  private noteFailure(error: unknown): void {
    this.failures += 1;
    if (this.failures === 1) this.log.error('the audit trail cannot be written; events wait', { err: error });
  }

  private free(line: Line, count: number): void {
    line.places -= count;
    this.places -= count;
    if (line.places === 0) this.lines.delete(line.tenant);
  }

  private hasDue(): boolean {
    for (const { due } of this.lines.values()) if (due > 0) return true;
    return false;
  }
}

function isHopeless(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  if (error instanceof UnknownTenantError) return true;
  return error instanceof TypeError || error instanceof RangeError || (typeof code === 'string' && HOPELESS.test(code));
}

const backOff = (failures: number): number =>
  Math.min(FIRST_BACK_OFF_MS * 2 ** Math.min(failures, 10), MAX_BACK_OFF_MS) * (0.75 + Math.random() / 2);
