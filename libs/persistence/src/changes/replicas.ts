import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Database } from '../database/database.js';
import { CHANGE_CHANNEL } from '../database/transaction.js';
import type { KeyRingFile } from '../sealing/key-ring-file.js';
import type { Mark } from './change-errands.js';
import type { Replica } from './change-feed.js';

/** A replica that was not heard of for so long is not waited for. */
const LIVE_MS = 5_000;
/** Nothing may be let in from a cache for longer than five minutes after the database was last heard of; then it is nobody's worry. */
const FORGOTTEN_MS = 330_000;

/** How the mark of a moment is spelled in SQL, so that no precision is lost on the way. */
export const markOf = (moment: string): string =>
  `to_char(${moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** Sorts before all other marks. */
export const NEVER: Mark = '1970-01-01T00:00:00.000000Z';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly is_behind: boolean;
  readonly silent_ms: string;
}

export interface Behind {
  readonly replica: Replica;
  /** Heard of a moment ago, so that it is worth waiting for. */
  readonly isLive: boolean;
}

/** The processes that serve from this database, this one among them once it has reported. */
export class Replicas {
  private readonly id = randomUUID();
  private readonly name = `${hostname()}:${process.pid}`;

  constructor(
    private readonly database: Database,
    private readonly keyRing: Pick<KeyRingFile, 'ring'>,
  ) {}

  own(): Replica {
    return { id: this.id, name: this.name, silentMs: 0 };
  }

  /** This process lives, holds these keys, and has taken over everything that was committed before `applied`. */
  async report(applied: Mark): Promise<void> {
    await this.database.asOperator(async (tx) => {
      // What the next second writes anew is not worth waiting for a disk.
      await tx.query('SET LOCAL synchronous_commit TO off');
      await tx.execute(
        `INSERT INTO replicas (id, name, seen_at, applied_at, key_ids) VALUES ($1, $2, clock_timestamp(), $3, $4)
         ON CONFLICT (id) DO UPDATE
           SET seen_at = clock_timestamp(), applied_at = excluded.applied_at, key_ids = excluded.key_ids`,
        [this.id, this.name, applied, this.keyRing.ring.ids],
      );
      await tx.execute(
        `DELETE FROM replicas WHERE id IN (
           SELECT id FROM replicas WHERE seen_at < clock_timestamp() - $1 * interval '1 ms' FOR UPDATE SKIP LOCKED)`,
        [FORGOTTEN_MS],
      );
    });
  }

  /** This process serves no more. */
  async leave(): Promise<void> {
    await this.database.asOperator((tx) => tx.execute('DELETE FROM replicas WHERE id = $1', [this.id]));
  }

  /** Wakes all replicas, and gives the moment up to which they have to take over. */
  async wakeAll(): Promise<Mark> {
    return this.database.asOperator(async (tx) => {
      const [row] = await tx.query<{ now: Mark }>(
        `SELECT ${markOf('clock_timestamp()')} AS now, pg_notify('${CHANGE_CHANNEL}', '')`,
      );
      return row!.now;
    });
  }

  /** Those that have not reported that they have taken over everything before `mark`, or have not reported lately. */
  async behind(mark: Mark): Promise<readonly Behind[]> {
    const rows = await this.database.asOperator((tx) =>
      tx.query<Row>(
        `SELECT id, name, applied_at < $1 AS is_behind,
                floor(extract(epoch FROM clock_timestamp() - seen_at) * 1000) AS silent_ms
           FROM replicas ORDER BY name`,
        [mark],
      ),
    );
    return rows
      .map(({ id, name, is_behind, silent_ms }) => {
        const silentMs = Math.max(0, Number(silent_ms));
        return { replica: { id, name, silentMs }, isLive: silentMs <= LIVE_MS, isBehind: is_behind };
      })
      .filter(({ isBehind }) => isBehind)
      .map(({ replica, isLive }) => ({ replica, isLive }));
  }
}
