import type { ClientFacts } from '#builder';
import { Clock, type TenantId } from '#kernel';
import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import { type ParkedState, RequestStates } from '../sessions/request-states.js';
import { ANSWER_MS, AskedCall } from './asked-call.js';

const MAX = 5_000;
const MAX_OF_TENANT = 1_000;
const MAX_OF_PRINCIPAL = 100;
/** Answers that nobody has fetched, together. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const MAX_KEPT_BYTES_OF_TENANT = 16 * 1024 * 1024;
const EXPIRY_CHECK_MS = 1_000;

/**
 * The calls whose callers were asked something on the way, from the first question to the end. Each is in this process
 * alone, and each ends: with its answer, when its caller does not come back in time, when the caller may call no more,
 * and when the process does.
 */
@Injectable()
export class ParkedCalls implements OnModuleInit, OnModuleDestroy {
  private readonly calls = new Map<string, AskedCall>();
  /** How many, by tenant and by principal. */
  private readonly counts = new Map<string, number>();
  private readonly keptBytes = new Map<AskedCall, number>();
  private totalBytes = 0;
  private isStopping = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly states: RequestStates,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.endExpired(), EXPIRY_CHECK_MS);
    this.timer.unref();
  }

  /** Before anything waits for calls that are under way: a caller that comes back finds nobody any more. */
  onModuleDestroy(): void {
    this.isStopping = true;
    clearInterval(this.timer);
    for (const call of [...this.calls.values()]) if (call.isParked) call.cancel('the composer stops');
  }

  get size(): number {
    return this.calls.size;
  }

  /** A call whose caller can be asked. Nothing is kept of it until it is. */
  open(exchange: McpExchange, client: ClientFacts): AskedCall {
    return new AskedCall(exchange, client, {
      keep: (call) => this.keep(call),
      mayKeep: (call, bytes) => this.mayKeep(call, bytes),
      forget: (call) => this.forget(call),
      now: () => this.clock.now(),
      stateFor: ({ id }, asked, turn) =>
        this.states.give(asked, { k: 'parked', call: id, turn }, this.clock.now() + ANSWER_MS),
      refuseGone: (asked, why) => this.states.refuseGone(asked, why),
    });
  }

  /** The caller of a parked call is back. `state` was given for the call that it makes. */
  goOn(exchange: McpExchange, state: ParkedState, client: ClientFacts): void {
    const call = this.calls.get(state.call);
    if (call) call.goOn(exchange, state, client);
    else this.states.refuseGone(exchange, 'is of a call that has ended');
  }

  private keep(call: AskedCall): boolean {
    if (this.isStopping) return false;
    if (this.calls.has(call.id)) return true;
    const [tenant, principal] = keysOf(call);
    const isFull =
      this.calls.size >= MAX || this.count(tenant) >= MAX_OF_TENANT || this.count(principal) >= MAX_OF_PRINCIPAL;
    if (isFull) return false;
    this.calls.set(call.id, call);
    this.add(call, 1);
    return true;
  }

  private mayKeep(call: AskedCall, bytes: number): boolean {
    if (this.totalBytes + bytes > MAX_KEPT_BYTES) return false;
    if (this.keptOf(call.principal.tenantId) + bytes > MAX_KEPT_BYTES_OF_TENANT) return false;
    this.totalBytes += bytes;
    this.keptBytes.set(call, bytes);
    return true;
  }

  private keptOf(tenant: TenantId): number {
    let sum = 0;
    for (const [{ principal }, bytes] of this.keptBytes) if (principal.tenantId === tenant) sum += bytes;
    return sum;
  }

  private forget(call: AskedCall): void {
    this.totalBytes -= this.keptBytes.get(call) ?? 0;
    this.keptBytes.delete(call);
    if (this.calls.delete(call.id)) this.add(call, -1);
  }

  private endExpired(): void {
    const now = this.clock.now();
    const late = [...this.calls.values()].filter(({ until }) => until <= now);
    for (const call of late) call.cancel('nobody answered in time');
  }

  private count(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  private add(call: AskedCall, change: 1 | -1): void {
    for (const key of keysOf(call)) {
      const count = this.count(key) + change;
      if (count > 0) this.counts.set(key, count);
      else this.counts.delete(key);
    }
  }
}

function keysOf({ principal }: AskedCall): [string, string] {
  const tenant: TenantId = principal.tenantId;
  return [tenant, JSON.stringify([tenant, principal.id])];
}
