import { randomBytes } from 'node:crypto';
import { CLIENT_FLAGS, type ClientFacts, type LogLevel, type RunningCall } from '#builder';
import { Clock } from '#kernel';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { SessionSeal } from './session-seal.js';

const LIFETIME_MS = 24 * 3_600_000;
const MAX_ENDED = 100_000;
const MAX_RUNNING = 50_000;
const MAX_OPENED = 10_000;
const MAX_LEVELS = 10_000;

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
}

/**
 * Sessions of legacy clients. An id is sealed and names tenant, principal, address, version, what the client
 * can be asked and time, so that it outlives this
 * process; it is no credential, and worth nothing to another principal. Kept in memory are only the sessions that were
 * ended before their time, and the calls that could be cancelled.
 */
@Injectable()
export class ClientSessions {
  private readonly ended = new Map<string, number>();
  private readonly running = new Map<string, Cancellable>();
  /** Ids that were opened lately: opening costs more than the rest of a request's routing. */
  private readonly opened = new Map<string, Facts>();

  /** What clients want to hear of the log, where they have said so to this process. */
  private readonly levels = new Map<string, LogLevel>();

  constructor(
    private readonly seal: SessionSeal,
    private readonly clock: Clock,
  ) {}

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
    return { id: this.seal.seal(JSON.stringify(facts)), era: 'legacy', version, capabilities };
  }

  /** The session, if it is the owner's own and has not ended. */
  find(id: string, { principal, slug }: SessionOwner): ClientSession | undefined {
    if (this.ended.has(id)) return undefined;
    const facts = this.opened.get(id) ?? this.openAndKeep(id);
    if (!facts || facts.t !== principal.tenantId || facts.p !== principal.id || facts.s !== slug) return undefined;
    if (facts.i + LIFETIME_MS < this.clock.now()) return undefined;
    return { id, era: 'legacy', version: facts.v, capabilities: facts.u ? ['elicitation.url'] : facts.c };
  }

  end({ id }: ClientSession): void {
    this.opened.delete(id);
    this.levels.delete(id);
    const now = this.clock.now();
    this.ended.set(id, now + LIFETIME_MS);
    for (const [old, until] of this.ended) {
      if (until > now && this.ended.size <= MAX_ENDED) break;
      this.ended.delete(old);
    }
  }

  setLogLevel({ id }: ClientSession, level: LogLevel): void {
    this.levels.delete(id);
    this.levels.set(id, level);
    if (this.levels.size > MAX_LEVELS) this.levels.delete(this.levels.keys().next().value!);
  }

  /** Undefined if the client has said nothing of it, or to another process. */
  logLevelOf({ id }: ClientSession): LogLevel | undefined {
    return this.levels.get(id);
  }

  /** Remembers a call so that the session can cancel it. Returns how to forget it. */
  track(session: ClientSession, requestId: string | number, call: Cancellable): () => void {
    const key = callKey(session, requestId);
    if (this.running.size < MAX_RUNNING) this.running.set(key, call);
    return () => {
      if (this.running.get(key) === call) this.running.delete(key);
    };
  }

  cancel(session: ClientSession, requestId: string | number): void {
    const key = callKey(session, requestId);
    this.running.get(key)?.cancel();
    this.running.delete(key);
  }

  private openAndKeep(id: string): Facts | undefined {
    const facts = factsOf(this.seal.open(id));
    if (!facts) return undefined;
    if (this.opened.size >= MAX_OPENED) this.opened.delete(this.opened.keys().next().value!);
    this.opened.set(id, facts);
    return facts;
  }
}

function factsOf(text: string | undefined): Facts | undefined {
  if (text === undefined) return undefined;
  return content.safeParse(JSON.parse(text)).data;
}

const callKey = ({ id }: ClientSession, requestId: string | number): string => `${id} ${JSON.stringify(requestId)}`;
