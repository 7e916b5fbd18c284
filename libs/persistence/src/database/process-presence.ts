import { randomInt } from 'node:crypto';
import { Log } from '#observability';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Client } from 'pg';
import { type DatabaseConfig, databaseConfig } from '../persistence.config.js';
import { DatabaseConnection } from './database-connection.js';
import { endSession } from './end-session.js';

/** The first half of the keys of our advisory locks: "mcpc". */
const LOCK_CLASS = 0x6d637063;
const SESSION = 'mcp-composer presence';
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const PROBE_MS = 10_000;
/** How long somebody waits for the first session; without it he goes on unseen. */
const PATIENCE_MS = 2_000;

/**
 * Shows the other processes on the database that this one lives, by an advisory lock that a session of its own holds:
 * it is gone some milliseconds after the process is. Only a hint. A process that hangs is still shown, and one whose
 * session breaks is not for a moment; whoever relies on it bounds the first and waits out the second.
 */
@Injectable()
export class ProcessPresence implements OnApplicationShutdown {
  /** Names this process among those on the database. */
  readonly number = randomInt(1, 2 ** 31 - 1);
  private session: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private opening: Promise<void> | undefined;
  private failures = 0;
  private isShown = false;
  private isOver = false;

  constructor(
    private readonly connection: DatabaseConnection,
    @Inject(databaseConfig.KEY) private readonly config: DatabaseConfig,
    private readonly log: Log,
  ) {}

  /** Whether other processes see this one from now on. Begins to show it at the first call. */
  async show(): Promise<boolean> {
    if (this.config.type !== 'postgres') return this.config.type === 'embedded';
    if (!this.opening && !this.isOver) this.opening = this.open();
    if (!this.isShown) await Promise.race([this.opening, patience()]);
    return this.isShown;
  }

  /** SQL that is true if the process whose number stands in `column` seems to be gone. The number must not be null. */
  goneSql(column: string): string {
    // The embedded database is open in one process: whoever was there before is gone.
    if (this.config.type === 'embedded') return `${column} <> ${this.number}`;
    return `NOT EXISTS (${lockOf(column)})`;
  }

  async onApplicationShutdown(): Promise<void> {
    this.isOver = true;
    this.isShown = false;
    clearTimeout(this.timer);
    await this.opening;
    await endSession(this.session);
  }

  private async open(): Promise<void> {
    let session: Client | undefined;
    try {
      session = await this.connection.openSession(SESSION);
      this.session = session;
      // False: a session of ours that broke is not over for the server yet, and shows us meanwhile.
      await session.query(`SELECT pg_try_advisory_lock(${LOCK_CLASS}, ${this.number})`);
    } catch (error) {
      await endSession(session);
      this.retry(error);
      return;
    }
    if (this.isOver) return;
    this.isShown = true;
    this.watch(session);
  }

  private watch(session: Client): void {
    let isLost = false;
    const lost = (error?: unknown): void => {
      if (isLost || this.isOver) return;
      isLost = true;
      this.isShown = false;
      clearTimeout(this.timer);
      void endSession(session);
      this.retry(error);
    };
    session.on('error', lost);
    session.on('end', () => lost());
    const probe = (): void => {
      this.timer = setTimeout(() => void this.prove(session).then(probe, lost), PROBE_MS).unref();
    };
    probe();
  }

  /** Behind a pooler that hands sessions on after each transaction, the lock is somebody else's before long. */
  private async prove(session: Client): Promise<void> {
    const { rows } = await session.query<{ held: boolean }>(
      `SELECT EXISTS (${lockOf(String(this.number))} AND pid = pg_backend_pid()) AS held`,
    );
    if (rows[0]?.held) {
      this.failures = 0;
      return;
    }
    const again = await session.query<{ got: boolean }>(
      `SELECT pg_try_advisory_lock(${LOCK_CLASS}, ${this.number}) AS got`,
    );
    if (!again.rows[0]?.got) throw new Error('the session is not our own');
  }

  private retry(error: unknown): void {
    if (this.isOver) return;
    this.log.debug('other processes do not see this one at the moment', { err: error });
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    const ms = this.failures === 0 ? 0 : longest * (0.5 + Math.random() / 2);
    this.failures++;
    this.timer = setTimeout(() => {
      this.opening = this.open();
    }, ms).unref();
  }
}

/** The lock of a process, if it is held: of two-part keys `objsubid` is 2 (Postgres 15, 54.12). */
const lockOf = (number: string): string =>
  `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = ${LOCK_CLASS} AND objid::bigint = ${number}
      AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

function patience(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PATIENCE_MS).unref());
}
