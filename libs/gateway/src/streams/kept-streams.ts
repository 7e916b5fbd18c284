import { randomBytes } from 'node:crypto';
import { Clock } from '#kernel';
import { SessionLetters } from '#session-store';
import type { Principal } from '#tenancy';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { ClientSession } from '../sessions/client-sessions.js';
import { EventIds } from '../sessions/event-ids.js';
import { SessionPost } from '../sessions/session-post.js';
import { ResumableStream, type StreamWatcher } from './resumable-stream.js';
import { StoredStreams } from './stored-streams.js';

interface Asker {
  readonly principal: Principal;
  readonly session: ClientSession;
  /** Of the request, as it stood there. */
  readonly requestId: Buffer;
}

/** What is kept in memory at the same time: of a session, a tenant, and in all. */
const BOUNDS = {
  session: { events: 1_000, bytes: 4 * 1024 * 1024 },
  tenant: { events: 20_000, bytes: 32 * 1024 * 1024 },
  all: { events: 100_000, bytes: 96 * 1024 * 1024 },
} as const;
/** How long the client may stay away when its request was answered. */
const KEPT_MS = 300_000;
const SWEEP_MS = 10_000;

/** Some streams, oldest first, and what they keep together. */
class Scope {
  readonly streams = new Set<ResumableStream>();
  events = 0;
  bytes = 0;

  constructor(private readonly bounds: { readonly events: number; readonly bytes: number }) {}

  get isFull(): boolean {
    return this.events > this.bounds.events || this.bytes > this.bounds.bytes;
  }
}

/**
 * The streams of this process on which legacy clients are answered, and for a while what was sent over those that are
 * over. What a client has not come back for is forgotten after five minutes, or when there is too much of it.
 */
@Injectable()
export class KeptStreams implements StreamWatcher, OnModuleInit, OnApplicationShutdown {
  private readonly streams = new Map<string, ResumableStream>();
  /** Those that are over, in the order in which they ended, and when that was. */
  private readonly done = new Map<ResumableStream, number>();
  private readonly scopes = new Map<string, Scope>();
  private timer: NodeJS.Timeout | undefined;
  private stopListening: () => void = () => undefined;

  constructor(
    private readonly ids: EventIds,
    private readonly letters: SessionLetters,
    private readonly post: SessionPost,
    private readonly stored: StoredStreams,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => {
      this.sweep();
      for (const stream of this.streams.values()) if (!stream.isDone) stream.keepAlive();
    }, SWEEP_MS);
    this.timer.unref();
    this.stopListening = this.post.on('wanted', ({ s: sessionId, w: id }) => {
      const stream = this.find(id, sessionId);
      if (stream) this.stored.store(stream);
    });
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.stopListening();
  }

  get size(): number {
    return this.streams.size;
  }

  /** A stream for the answer of a request; nothing is kept before there is an event. */
  open({ principal, session, requestId }: Asker): ResumableStream {
    const id = randomBytes(12).toString('base64url');
    const { tenantId } = principal;
    const facts = {
      id,
      tenantId,
      sessionId: session.id,
      version: session.version,
      prefix: this.ids.ofCall(session.id, {
        stream: id,
        owner: this.letters.self,
        requestId: requestId.toString('utf8'),
      }),
    };
    const stream = new ResumableStream(facts, this);
    this.streams.set(id, stream);
    for (const scope of this.scopesOf(stream)) scope.streams.add(stream);
    return stream;
  }

  /** The stream, if it is here and of this session. */
  find(id: string, sessionId: string): ResumableStream | undefined {
    const stream = this.streams.get(id);
    return stream?.facts.sessionId === sessionId ? stream : undefined;
  }

  onEvent(stream: ResumableStream, bytes: number): void {
    this.stored.noteChanged(stream);
    const scopes = this.scopesOf(stream);
    for (const scope of scopes) {
      scope.events++;
      scope.bytes += bytes;
    }
    for (const scope of scopes) while (scope.isFull && this.makeRoom(scope));
  }

  onBroken(stream: ResumableStream): void {
    this.stored.store(stream);
  }

  onDone(stream: ResumableStream): void {
    this.done.set(stream, this.clock.now());
    this.stored.noteChanged(stream);
  }

  /** Forgets what nobody has come back for in time. */
  sweep(): void {
    const before = this.clock.now() - KEPT_MS;
    for (const [stream, at] of this.done) {
      if (at > before) break;
      this.forget(stream);
    }
  }

  /** The session is over, and nobody comes back. */
  endSession(sessionId: string): void {
    const scope = this.scopes.get(`session ${sessionId}`);
    for (const stream of [...(scope?.streams ?? [])]) if (stream.isDone) this.forget(stream);
  }

  /** What is over goes first, as a whole; then the oldest event of the oldest stream. */
  private makeRoom(scope: Scope): boolean {
    let oldest: ResumableStream | undefined;
    for (const stream of scope.streams) {
      if (stream.isDone) {
        this.forget(stream);
        return true;
      }
      if (!oldest && stream.count > 0) oldest = stream;
    }
    if (!oldest) return false;
    const bytes = oldest.dropOldest();
    for (const own of this.scopesOf(oldest)) {
      own.events--;
      own.bytes -= bytes;
    }
    return true;
  }

  private forget(stream: ResumableStream): void {
    this.streams.delete(stream.facts.id);
    this.done.delete(stream);
    this.stored.forget(stream);
    for (const [key, bounds] of keysOf(stream)) {
      const scope = this.scopeOf(key, bounds);
      scope.events -= stream.count;
      scope.bytes -= stream.bytes;
      scope.streams.delete(stream);
      if (scope.streams.size === 0) this.scopes.delete(key);
    }
  }

  private scopesOf(stream: ResumableStream): readonly Scope[] {
    return keysOf(stream).map(([key, bounds]) => this.scopeOf(key, bounds));
  }

  private scopeOf(key: string, bounds: keyof typeof BOUNDS): Scope {
    let scope = this.scopes.get(key);
    if (!scope) this.scopes.set(key, (scope = new Scope(BOUNDS[bounds])));
    return scope;
  }
}

const keysOf = ({ facts }: ResumableStream): readonly (readonly [string, keyof typeof BOUNDS])[] => [
  [`session ${facts.sessionId}`, 'session'],
  [`tenant ${facts.tenantId}`, 'tenant'],
  ['all', 'all'],
];
