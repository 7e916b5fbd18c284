import type { AuthStrategy } from '#auth';
import { type Egress, egressFor } from '#egress/testing';
import { Clock } from '#kernel';
import type { Log } from '#observability';
import { ServerChanges, type ServerRegistry } from '#registry';
import { MemoryChangeFeed } from '#persistence/testing';
import { type MemoryRegistry, openMemoryRegistry } from '#registry/testing';
import { MemberPool } from '../src/member-pool.js';
import { MemberPreviews } from '../src/member-previews.js';
import { MemberSync } from '../src/member-sync.js';
import { MemberParts } from '../src/members/member-parts.js';
import { Deadlines } from '../src/wire/deadlines.js';

/** Deadlines that pass as many times as fast. */
class FastDeadlines extends Deadlines {
  constructor(
    private readonly speed: number,
    log: Log,
  ) {
    super(log);
  }

  override add(ms: number, expire: () => void): () => void {
    return super.add(ms / this.speed, expire);
  }
}

export interface OpenPool {
  readonly pool: MemberPool;
  readonly previews: MemberPreviews;
  readonly registry: ServerRegistry;
  readonly home: MemoryRegistry;
  /** What brings this pool in line with the stores when they have changed. */
  readonly sync: MemberSync;
  /** What tells this pool alone that the stores have changed. */
  readonly feed: MemoryChangeFeed;
  /** A pool of another process on the same stores. */
  again(): OpenPool;
  close(): Promise<void>;
}

export interface OpenPoolOptions {
  /** Deadlines pass as many times as fast. */
  readonly speed?: number;
  /** Of the test's own. */
  readonly strategies?: readonly AuthStrategy[];
}

/** The real pool with all its parts, on stores of one process, free to call loopback. */
export async function openPool({ speed = 1, strategies = [] }: OpenPoolOptions = {}): Promise<OpenPool> {
  return onStores(await openMemoryRegistry(...strategies), speed);
}

function onStores(home: MemoryRegistry, speed: number): OpenPool {
  const egress: Egress = egressFor(['127.0.0.1:*']);
  const deadlines = new FastDeadlines(speed, home.log);
  const parts = new MemberParts(egress.pools, egress.http, egress.guard, home.auth, deadlines);
  const registry = home.again();
  const pool = new MemberPool(registry, home.catalogs, parts, new Clock(), home.log);
  pool.onModuleInit();
  const feed = new MemoryChangeFeed();
  const sync = new MemberSync(new ServerChanges(feed), registry, pool);
  sync.onModuleInit();
  return {
    pool,
    previews: new MemberPreviews(home.catalogs, parts, home.log),
    sync,
    feed,
    registry,
    home,
    again: () => onStores(home, speed),
    async close() {
      await pool.beforeApplicationShutdown();
      deadlines.onApplicationShutdown();
      await egress.close();
    },
  };
}
