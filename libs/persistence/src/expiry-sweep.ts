import type { Log } from '#observability';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';

const EVERY_MS = 60_000;

interface SweepParts {
  /** In the log: what it is that is removed. */
  readonly what: string;
  /** Of each tenant at a time. As long as there may be more, it goes on. */
  readonly limit: number;
  readonly log: Log;
}

/** Removes what has expired, once a minute. Nothing waits for it: what has expired is as good as gone. */
export abstract class ExpirySweep implements OnModuleInit, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private isStopping = false;

  protected constructor(private readonly parts: SweepParts) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.sweep(), EVERY_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearInterval(this.timer);
    await this.sweeping;
  }

  /** Does nothing while it still does it. */
  sweep(): void {
    const { what, log } = this.parts;
    this.sweeping ??= this.sweepAll()
      .then(
        (gone) => log.debug(`${what} were removed`, { gone }),
        (error: unknown) => log.warn(`${what} could not be removed`, { err: error }),
      )
      .finally(() => (this.sweeping = undefined));
  }

  /** Removes so many of each tenant at most. Gives how many it were. */
  protected abstract remove(limit: number): Promise<number>;

  private async sweepAll(): Promise<number> {
    const { limit } = this.parts;
    let all = 0;
    for (;;) {
      const gone = await this.remove(limit);
      all += gone;
      // Fewer than one tenant may lose at a time: nobody has any left.
      if (gone < limit || this.isStopping) return all;
    }
  }
}
