import { TenantStore } from '#access';
import { Log } from '#observability';
import { CredentialSweep } from '#registry';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

const EVERY_MS = 3_600_000;

/** Sweeps the credentials of all tenants, one after the other, now and then. Nothing waits for it. */
@Injectable()
export class CredentialSweeps implements OnModuleInit, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private isOver = false;

  constructor(
    private readonly tenants: TenantStore,
    private readonly sweep: CredentialSweep,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    // Replicas that were started together do not all ask at once.
    this.timer = setInterval(() => this.run(), EVERY_MS * (0.75 + Math.random() / 2));
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isOver = true;
    clearInterval(this.timer);
    await this.sweeping;
  }

  /** Does nothing while it still does it. */
  run(): void {
    this.sweeping ??= this.sweepAll()
      .catch((error: unknown) => this.log.warn('credentials could not be swept; it is tried again', { err: error }))
      .finally(() => (this.sweeping = undefined));
  }

  private async sweepAll(): Promise<void> {
    for (const { id } of await this.tenants.list()) {
      if (this.isOver) return;
      await this.sweep.sweep(id);
    }
  }
}
