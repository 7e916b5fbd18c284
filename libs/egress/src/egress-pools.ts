import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EgressGuard } from './egress-guard.js';
import { EgressPool, type EgressPoolOptions } from './egress-pool.js';
import { EgressUnreachableError } from './egress.errors.js';

const CLOSE_LIMIT_MS = 1_000;

/** Opens pools of connections for the path of tool calls, and closes at shutdown whatever its owner left open. */
@Injectable()
export class EgressPools implements OnApplicationShutdown {
  private readonly opened = new Set<EgressPool>();
  private isStopped = false;

  constructor(private readonly guard: EgressGuard) {}

  /**
   * A new pool, owned by the caller. Opens no connection yet.
   *
   * @param address its origin counts, a path does not
   * @throws EgressDeniedError if that can be told without DNS; what DNS says comes out of the first request
   */
  open(address: string | URL, options: EgressPoolOptions = {}): EgressPool {
    const url = this.guard.judge(address);
    if (this.isStopped) throw new EgressUnreachableError('this process is shutting down', true);
    const pool = new EgressPool(this.guard, url, options, (closed) => this.opened.delete(closed));
    this.opened.add(pool);
    return pool;
  }

  /** Pools that are open now. */
  get size(): number {
    return this.opened.size;
  }

  /** Gives requests under way a second, then breaks them off. */
  async onApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    await Promise.all([...this.opened].map(closeInTime));
  }
}

async function closeInTime(pool: EgressPool): Promise<void> {
  const timer = setTimeout(() => void pool.destroy(), CLOSE_LIMIT_MS);
  try {
    await pool.close();
  } finally {
    clearTimeout(timer);
  }
}
