import { type ClientFacts, type LogLevel, type RunningCall, isLogLevel } from '#builder';
import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { SessionRecords } from '#session-store';
import type { Principal } from '#tenancy';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type ClientSession, ClientSessions, type SessionOwner } from './client-sessions.js';
import { isAway } from './is-away.js';
import { sessionKey } from './session-key.js';
import { SessionPost } from './session-post.js';

/** As long as a session id is worth something. */
const SECONDS = 24 * 3_600;
/** Who waits longer for the store goes on with what is known here. */
const PATIENCE_MS = 2_000;
/** When the store was away, nobody waits for it again so soon. */
const PAUSE_MS = 5_000;
const STATE = 'state/';
const ENDED = `${STATE}ended`;
const LEVEL = `${STATE}level`;

/**
 * Sessions of legacy clients, as all replicas know them together. The first request of a session that comes to a process
 * waits until it has read how the session stands; after that, the process hears what others learn within two seconds. If
 * the store is away, a session is what this process knows of it: its id is no credential, and ending it takes no right.
 */
@Injectable()
export class ReplicatedSessions implements OnModuleInit, OnApplicationShutdown {
  private readonly learning = new Map<string, Promise<void>>();
  private readonly endListeners = new Set<(sessionId: string) => void>();
  private awayUntil = 0;
  private stops: readonly (() => void)[] = [];

  constructor(
    private readonly sessions: ClientSessions,
    private readonly records: SessionRecords,
    private readonly post: SessionPost,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    const { sessions } = this;
    this.stops = [
      this.post.on('ended', ({ s: id }) => {
        if (sessions.isInUse(id)) sessions.end({ id });
        this.tellEnded(id);
      }),
      this.post.on('level', ({ s: id, v }) => {
        if (isLogLevel(v)) sessions.setLogLevel({ id }, v);
      }),
      this.post.on('cancelled', ({ s: id, r }) => void sessions.cancel({ id }, JSON.parse(r) as string | number)),
    ];
  }

  onApplicationShutdown(): void {
    for (const stop of this.stops) stop();
  }

  open(owner: SessionOwner, facts: Pick<ClientFacts, 'version' | 'capabilities'>): ClientSession {
    return this.sessions.open(owner, facts);
  }

  /** Calls `listener` with the id of every session that has ended, here or elsewhere. Returns how to stop it. */
  onEnded(listener: (sessionId: string) => void): () => void {
    this.endListeners.add(listener);
    return () => this.endListeners.delete(listener);
  }

  /** The session, if it is the owner's own and has not ended; at once where this process knows. Never rejects. */
  find(id: string, owner: SessionOwner): ClientSession | undefined | Promise<ClientSession | undefined> {
    const session = this.sessions.find(id, owner);
    if (!session || this.sessions.hasLearnt(session) || performance.now() < this.awayUntil) return session;
    return this.learn(owner.principal.tenantId, session).then(() => this.sessions.find(id, owner));
  }

  /** It is over on every replica: here at once, elsewhere within two seconds. */
  async end({ tenantId }: Principal, session: ClientSession): Promise<void> {
    this.sessions.end(session);
    this.tellEnded(session.id);
    const key = sessionKey(session.id);
    await this.tried(
      this.records
        .keep(tenantId, [{ session: key, name: ENDED, text: '', seconds: SECONDS }])
        .then(() => Promise.all(['s/', 'sub/', LEVEL].map((kind) => this.records.forget(tenantId, key, kind)))),
    );
    void this.post.send(tenantId, { k: 'ended', s: session.id });
  }

  async setLogLevel({ tenantId }: Principal, session: ClientSession, level: LogLevel): Promise<void> {
    this.sessions.setLogLevel(session, level);
    const note = { session: sessionKey(session.id), name: LEVEL, text: level, seconds: SECONDS };
    await this.tried(this.records.keep(tenantId, [note]));
    void this.post.send(tenantId, { k: 'level', s: session.id, v: level });
  }

  /** A call that does not run here may run elsewhere. */
  cancel({ tenantId }: Principal, session: ClientSession, requestId: string | number): void {
    if (this.sessions.cancel(session, requestId)) return;
    void this.post.send(tenantId, { k: 'cancelled', s: session.id, r: JSON.stringify(requestId) });
  }

  /** Undefined if the client has said nothing of it. */
  logLevelOf(session: ClientSession): LogLevel | undefined {
    return this.sessions.logLevelOf(session);
  }

  /** Remembers a call so that the session can cancel it. Returns how to forget it. */
  track(session: ClientSession, requestId: string | number, call: Pick<RunningCall, 'cancel'>): () => void {
    return this.sessions.track(session, requestId, call);
  }

  /** Its calls are cancelled, and what they have asked is taken back with them. */
  private tellEnded(sessionId: string): void {
    this.sessions.cancelAll({ id: sessionId });
    for (const listener of this.endListeners) listener(sessionId);
  }

  private learn(tenant: TenantId, session: ClientSession): Promise<void> {
    const { id } = session;
    let learning = this.learning.get(id);
    if (!learning) {
      learning = this.tried(this.read(tenant, session)).finally(() => this.learning.delete(id));
      this.learning.set(id, learning);
    }
    return learning;
  }

  private async read(tenant: TenantId, session: ClientSession): Promise<void> {
    const notes = await this.records.read(tenant, sessionKey(session.id), { prefix: STATE });
    if (notes.some(({ name }) => name === ENDED)) return this.sessions.end(session);
    const level = notes.find(({ name }) => name === LEVEL)?.text;
    this.sessions.learn(session, isLogLevel(level) ? level : undefined);
  }

  /** Waits, but not for long; what fails is logged. */
  private async tried(work: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const giveUp = (): void => void (this.awayUntil = performance.now() + PAUSE_MS);
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => resolve(giveUp()), PATIENCE_MS);
    });
    const done = work.catch((error: unknown) => {
      // Of anything else the session, or its tenant, may be the reason: others go on asking.
      if (isAway(error)) giveUp();
      this.log.warn('what replicas share of a session could not be read or written', { err: error });
    });
    await Promise.race([done, late]);
    clearTimeout(timer);
  }
}
