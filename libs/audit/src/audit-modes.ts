import { Clock, type TenantId } from '#kernel';
import { ChangeFeed } from '#persistence';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type AuditMode, AuditedTenants } from './audited-tenants.js';

/** From then on a mode is read anew, while the known one still counts; and from then on it does not count any more. */
const FRESH_MS = 60_000;
const KNOWN_MS = 5 * 60_000;
const MAX_KNOWN = 10_000;

interface Known {
  readonly mode: AuditMode;
  readonly readAt: number;
}

/** How the tool calls of each tenant are recorded: as its row says, and as changes of it are told. */
@Injectable()
export class AuditModes implements OnModuleInit, OnApplicationShutdown {
  /** Least recently read first. */
  private readonly known = new Map<TenantId, Known>();
  private readonly reading = new Map<TenantId, Promise<AuditMode>>();
  private stop: () => void = () => undefined;

  constructor(
    private readonly tenants: AuditedTenants,
    private readonly feed: ChangeFeed,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.stop = this.feed.onChange(({ tenantId, topic }) => {
      if (topic !== 'access') return;
      this.known.delete(tenantId);
      this.reading.delete(tenantId);
    });
  }

  onApplicationShutdown(): void {
    this.stop();
  }

  /** At once if it is known in this process. */
  modeOf(tenant: TenantId): AuditMode | Promise<AuditMode> {
    const known = this.known.get(tenant);
    const age = known ? this.clock.now() - known.readAt : Infinity;
    if (known && age < FRESH_MS) return known.mode;
    const reading = this.read(tenant);
    if (!known || age >= KNOWN_MS) return reading;
    reading.catch(() => undefined); // the known one counts until it is too old
    return known.mode;
  }

  private read(tenant: TenantId): Promise<AuditMode> {
    const before = this.reading.get(tenant);
    if (before) return before;
    const reading = this.tenants.modeOf(tenant).then((mode) => {
      // What was told of meanwhile may have changed it.
      if (this.reading.get(tenant) === reading) this.keep(tenant, mode);
      return mode;
    });
    this.reading.set(tenant, reading);
    const forget = () => {
      if (this.reading.get(tenant) === reading) this.reading.delete(tenant);
    };
    reading.then(forget, forget);
    return reading;
  }

  private keep(tenant: TenantId, mode: AuditMode): void {
    this.known.delete(tenant);
    this.known.set(tenant, { mode, readAt: this.clock.now() });
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
  }
}
