import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import type { Client } from 'pg';
import { ApplicationRole } from '../database/application-role.js';
import { DatabaseConnection } from '../database/database-connection.js';
import { endSession } from '../database/end-session.js';
import { CHANGE_CHANNEL } from '../database/transaction.js';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** A connection that breaks sooner than this after it was made counts as another failure to connect. */
const PROVEN_MS = 5_000;
/** How often a connection on which nothing comes is asked whether it still is one. */
const PROBE_MS = 15_000;
const SESSION = 'mcp-composer changes';

/**
 * Hears at once that something has changed, on a connection of its own that listens and does nothing else. Only a
 * wake-up: what has changed stands in a table, and whoever hears nothing finds it there a second later.
 */
@Injectable()
export class ChangeNotices {
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private connecting: Promise<void> | undefined;
  private failures = 0;
  private isClosed = false;

  constructor(
    private readonly connection: DatabaseConnection,
    private readonly role: ApplicationRole,
    private readonly log: Log,
  ) {}

  /** Calls `wake` for every notice from now on, and whenever notices may have been missed. Never rejects; tries on. */
  open(wake: () => void): void {
    this.connecting = this.connect(wake);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.connecting;
    await endSession(this.client);
  }

  private async connect(wake: () => void): Promise<void> {
    let client: Client | undefined;
    try {
      client = await this.connection.openSession(SESSION, this.role.switchTo);
      this.client = client;
      await client.query(`LISTEN ${CHANGE_CHANNEL}`);
    } catch (error) {
      await endSession(client);
      this.retry(wake, error);
      return;
    }
    if (this.isClosed) return; // and `close` ends it
    if (this.failures > 0) this.log.info('changes are told at once again');
    this.watch(client, wake);
    wake();
  }

  private watch(client: Client, wake: () => void): void {
    const since = performance.now();
    let isLost = false;
    const lost = (error?: unknown): void => {
      if (isLost || this.isClosed) return;
      isLost = true;
      clearTimeout(this.timer);
      if (performance.now() - since > PROVEN_MS) this.failures = 0;
      void endSession(client);
      this.retry(wake, error);
    };
    client.on('notification', wake);
    client.on('error', lost);
    client.on('end', () => lost());
    const probe = (): void => {
      this.timer = setTimeout(() => void client.query('SELECT 1').then(probe, lost), PROBE_MS).unref();
    };
    probe();
  }

  private retry(wake: () => void, error: unknown): void {
    if (this.isClosed) return;
    if (this.failures === 0) {
      this.log.warn('changes are not told at once any more, and found by polling meanwhile', { err: error });
    }
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    this.failures++;
    this.timer = setTimeout(() => this.open(wake), longest * (0.5 + Math.random() / 2)).unref();
  }
}
