import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { Clock, type ComposerError, type TenantId } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { AccessEndedError } from '../gateway.errors.js';

/** An answer under way: a call that runs, or a stream that stays open. */
export interface OpenExchange {
  readonly principal: Principal;
  /** The one that is answered: whoever knows credentials finds there what was presented. */
  readonly request: IncomingMessage;
  /** Whether it is to end when the credential expires; what is short may finish. */
  readonly endsWithCredential: boolean;
  /** When it is to end, whatever the credential is worth, in milliseconds since 1970; absent: when it is done. */
  readonly endsAt?: number | undefined;
  /** Ends it, and frees everything. Told once. */
  end(reason: ComposerError): void;
  /** The principal goes on, with other roles or permissions. */
  goOnAs(principal: Principal): void;
}

/** Who a request's credential stands for now; undefined if it, or whom it stood for, may not call any more. */
export type AskAccess = (request: IncomingMessage) => Promise<Principal | undefined>;

const EXPIRY_CHECK_MS = 1_000;
/** Questions to access at the same time. */
const MAX_QUESTIONS = 8;

/** Everything that is being answered, by tenant: what is revoked ends before it has ended by itself. */
@Injectable()
export class OpenExchanges implements OnModuleInit, OnApplicationShutdown {
  private readonly tenants = new Map<TenantId, Set<OpenExchange>>();
  private readonly expiring = new Set<OpenExchange>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly clock: Clock) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.endExpired(), EXPIRY_CHECK_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  get size(): number {
    let size = 0;
    for (const exchanges of this.tenants.values()) size += exchanges.size;
    return size;
  }

  /** Returns how to take it out again, once it has ended. */
  add(exchange: OpenExchange): () => void {
    const { tenantId, credential } = exchange.principal;
    const known = this.tenants.get(tenantId);
    const exchanges = known ?? new Set();
    if (!known) this.tenants.set(tenantId, exchanges);
    exchanges.add(exchange);
    const hasEnd = exchange.endsAt !== undefined;
    if (hasEnd || (exchange.endsWithCredential && credential.expiresAt !== undefined)) this.expiring.add(exchange);
    return () => {
      exchanges.delete(exchange);
      this.expiring.delete(exchange);
      if (exchanges.size === 0 && this.tenants.get(tenantId) === exchanges) this.tenants.delete(tenantId);
    };
  }

  /** Ends what belongs to principals that match. Returns how many that were. */
  end(matches: (principal: Principal) => boolean, reason: ComposerError = new AccessEndedError()): number {
    const all = [...this.tenants.values()].flatMap((exchanges) => [...exchanges]);
    return endEach(
      all.filter(({ principal }) => matches(principal)),
      reason,
    );
  }

  /**
   * Asks for everybody of a tenant who is being answered whether that may go on: once for each credential, a few at a
   * time. Rejects if that could not be found out for somebody; nothing of theirs is ended then.
   */
  async recheck(tenant: TenantId, ask: AskAccess): Promise<number> {
    const questions = [...this.byCredential(tenant)];
    const failures: unknown[] = [];
    let ended = 0;
    const work = async () => {
      for (let next = questions.pop(); next; next = questions.pop()) {
        try {
          ended += settle(next, await ask(next[0]!.request));
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: MAX_QUESTIONS }, work));
    if (failures.length > 0) throw failures[0];
    return ended;
  }

  private byCredential(tenant: TenantId): Iterable<readonly OpenExchange[]> {
    const groups = new Map<string, OpenExchange[]>();
    for (const exchange of this.tenants.get(tenant) ?? []) {
      const { principal, request } = exchange;
      // What a credential is good for may depend on the address.
      const key = JSON.stringify([principal.id, principal.credential.kind, principal.credential.id, request.url]);
      const group = groups.get(key);
      if (group) group.push(exchange);
      else groups.set(key, [exchange]);
    }
    return groups.values();
  }

  private endExpired(): void {
    const now = this.clock.now();
    const all = [...this.expiring];
    endEach(
      all.filter(
        ({ principal, endsWithCredential }) => endsWithCredential && isOver(principal.credential.expiresAt, now),
      ),
      new AccessEndedError('the credential has expired'),
    );
    endEach(
      all.filter((exchange) => this.expiring.has(exchange) && isOver(exchange.endsAt, now)),
      new AccessEndedError('the session is over'),
    );
  }
}

const isOver = (endsAt: number | undefined, now: number): boolean => endsAt !== undefined && endsAt <= now;

function settle(exchanges: readonly OpenExchange[], now: Principal | undefined): number {
  if (!now) return endEach(exchanges, new AccessEndedError());
  for (const exchange of exchanges) if (!isSame(exchange.principal, now)) exchange.goOnAs(now);
  return 0;
}

function isSame(before: Principal, now: Principal): boolean {
  const rights = ({ roles, scopes, permissions }: Principal) => ({ roles, scopes, permissions });
  return isDeepStrictEqual(rights(before), rights(now));
}

function endEach(exchanges: readonly OpenExchange[], reason: ComposerError): number {
  for (const exchange of exchanges) exchange.end(reason);
  return exchanges.length;
}
