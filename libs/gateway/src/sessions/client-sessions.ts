import { randomBytes } from 'node:crypto';
import { CLIENT_FLAGS, type ClientFacts, type LogLevel, type RunningCall } from '#builder';
import { Clock } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { SessionSeal } from './session-seal.js';

const LIFETIME_MS = 24 * 3_600_000;
const MAX_ENDED = 100_000;
const MAX_RUNNING = 50_000;
const MAX_OPENED = 10_000;
/** What is not used for so long is not kept in memory: it is opened again when it is. */
const IDLE_MS = 1_800_000;
const SWEEP_MS = 60_000;

type Cancellable = Pick<RunningCall, 'cancel'>;
type Facts = z.infer<typeof content>;
const content = z.strictObject({
  t: z.string(),
  p: z.string(),
  /** Sessions that are older than slugs are of the tenant's own address. */
  s: z.string().default(''),
  v: z.string(),
  /** Of sessions that are older than `c`: the client can be asked to open a page. */
  u: z.boolean().default(false),
  /** What the client has declared. */
  c: z.array(z.enum(CLIENT_FLAGS)).default([]),
  n: z.string(),
  i: z.number(),
});

/** Whose a session is: it is worth nothing to another principal, and nothing at another address. */
export interface SessionOwner {
  readonly principal: Principal;
  readonly slug: string;
}

/** A session of a legacy client, as its id tells it. */
export interface ClientSession extends ClientFacts {
  readonly id: string;
  /** When its id is worth nothing any more, in milliseconds since 1970. */
  readonly endsAt: number;
}

/** A session that was used lately. */
interface Opened {
  readonly facts: Facts;
  usedAt: number;
  /** What was asked of the other replicas, or cannot be known to them. */
  isLearnt: boolean;
  level?: LogLevel;
}

/**
 * Sessions of legacy clients, as far as this process knows them. An id is sealed and names tenant, principal, address,
 * version, what the client can be asked and time, so that it outlives the process; it is no credential, and worth nothing
 * to another principal. Kept in memory are the sessions that were used lately, those that were ended before their time,
 * and the calls that could be cancelled. What other replicas have to know is `ReplicatedSessions`' to tell.
 */
@Injectable()
export class ClientSessions implements OnModuleInit, OnApplicationShutdown {
  private readonly ended = new Map<string, number>();
  /** By session, then by the id of the request. */
  private readonly running = new Map<string, Map<string, Cancellable>>();
  private runningCount = 0;
  /** Opening an id costs more than the rest of a request's routing. */
  private readonly opened = new Map<string, Opened>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly seal: SessionSeal,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  open(
    { principal, slug }: SessionOwner,
    { version, capabilities }: Pick<ClientFacts, 'version' | 'capabilities'>,
  ): ClientSession {
    const facts = {
      t: principal.tenantId,
      p: principal.id,
      s: slug,
      v: version,
      c: capabilities,
      n: randomBytes(16).toString('base64url'),
      i: this.clock.now(),
    };
    const id = this.seal.seal(JSON.stringify(facts));
    // Nobody else has heard of it.
    this.keep(id, { ...facts, u: false, c: [...capabilities] }).isLearnt = true;
    return { id, era: 'legacy', version, capabilities, endsAt: facts.i + LIFETIME_MS };
  }

  /** The session, if it is the owner's own and has not ended. */
  find(id: string, { principal, slug }: SessionOwner): ClientSession | undefined {
    if (this.ended.has(id)) return undefined;
    const opened = this.opened.get(id) ?? this.openAndKeep(id);
    if (!opened) return undefined;
    const { facts } = opened;
    opened.usedAt = this.clock.now();
    if (facts.t !== principal.tenantId || facts.p !== principal.id || facts.s !== slug) return undefined;
    const endsAt = facts.i + LIFETIME_MS;
    if (endsAt < this.clock.now()) return undefined;
    return { id, era: 'legacy', version: facts.v, capabilities: facts.u ? ['elicitation.url'] : facts.c, endsAt };
  }

  /** Whether this process knows how the session stands, besides what its id says. */
  hasLearnt({ id }: ClientSession): boolean {
    return this.opened.get(id)?.isLearnt === true;
  }

  /** @param level undefined if the client has said nothing of it to anybody */
  learn({ id }: ClientSession, level: LogLevel | undefined): void {
    const opened = this.opened.get(id);
    if (!opened) return;
    opened.isLearnt = true;
    if (level !== undefined) opened.level ??= level;
  }

  /** Another replica has told of it: what is not in use here is asked for when it is. */
  isInUse(id: string): boolean {
    return this.opened.has(id);
  }

  end({ id }: Pick<ClientSession, 'id'>): void {
    this.opened.delete(id);
    const now = this.clock.now();
    this.ended.set(id, now + LIFETIME_MS);
    for (const [old, until] of this.ended) {
      if (until > now && this.ended.size <= MAX_ENDED) break;
      this.ended.delete(old);
    }
  }

  setLogLevel({ id }: Pick<ClientSession, 'id'>, level: LogLevel): void {
    const opened = this.opened.get(id);
    if (opened) opened.level = level;
  }

  /** Undefined if the client has said nothing of it. */
  logLevelOf({ id }: ClientSession): LogLevel | undefined {
    return this.opened.get(id)?.level;
  }

  /** Remembers a call so that the session can cancel it. Returns how to forget it. */
  track(session: Pick<ClientSession, 'id'>, requestId: string | number, call: Cancellable): () => void {
    const key = JSON.stringify(requestId);
    const calls = this.running.get(session.id) ?? new Map<string, Cancellable>();
    if (this.runningCount < MAX_RUNNING) {
      this.running.set(session.id, calls);
      if (!calls.has(key)) this.runningCount++;
      calls.set(key, call);
    }
    return () => {
      if (calls.get(key) === call) this.untrack(session, key);
    };
  }

  /** False if no such call runs here. */
  cancel(session: Pick<ClientSession, 'id'>, requestId: string | number): boolean {
    const key = JSON.stringify(requestId);
    const call = this.running.get(session.id)?.get(key);
    this.untrack(session, key);
    call?.cancel();
    return call !== undefined;
  }

  /** The session is over, so nobody can have an answer any more. */
  cancelAll(session: Pick<ClientSession, 'id'>): void {
    const calls = [...(this.running.get(session.id) ?? [])];
    for (const [key, call] of calls) {
      this.untrack(session, key);
      call.cancel();
    }
  }

  /** Sessions and calls that are kept in memory. */
  get size(): number {
    return this.opened.size + this.runningCount + this.ended.size;
  }

  /** Forgets what was not used for a while, and the ends of sessions whose ids are worth nothing any more. */
  sweep(): void {
    const now = this.clock.now();
    for (const [id, { usedAt }] of this.opened) if (usedAt + IDLE_MS <= now) this.opened.delete(id);
    for (const [id, until] of this.ended) {
      if (until > now) break;
      this.ended.delete(id);
    }
  }

  private untrack({ id }: Pick<ClientSession, 'id'>, key: string): void {
    const calls = this.running.get(id);
    if (!calls?.delete(key)) return;
    this.runningCount--;
    if (calls.size === 0) this.running.delete(id);
  }

  private openAndKeep(id: string): Opened | undefined {
    const facts = factsOf(this.seal.open(id));
    return facts && this.keep(id, facts);
  }

  private keep(id: string, facts: Facts): Opened {
    if (this.opened.size >= MAX_OPENED) this.opened.delete(this.opened.keys().next().value!);
    const opened = { facts, usedAt: this.clock.now(), isLearnt: false };
    this.opened.set(id, opened);
    return opened;
  }
}

function factsOf(text: string | undefined): Facts | undefined {
  if (text === undefined) return undefined;
  return content.safeParse(JSON.parse(text)).data;
}
