import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { TenantId } from '#kernel';
import { Log } from '#observability';
import { SessionRecords } from '#session-store';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Selection } from '../catalog/selection.js';
import { sessionKey } from '../sessions/session-key.js';
import { SessionPost } from '../sessions/session-post.js';
import { ResourceSubscriptions, type Subscriber, type SubscriptionAnswer } from './resource-subscriptions.js';

/** As long as a session id is worth something. */
const SECONDS = 24 * 3_600;
const PREFIX = 'sub/';
/** A member may not be reachable yet when its composer has just started. */
const TRIES = 6;
const FIRST_PAUSE_MS = 1_000;

/**
 * What the sessions of legacy clients have subscribed to, kept where every replica finds it: the one that has the stream
 * of a session tells it of changes, whichever was asked to.
 */
@Injectable()
export class SessionSubscriptions implements OnModuleInit, OnApplicationShutdown {
  private readonly stopping = new AbortController();
  /** Those that are being taken up, by session and URI: however often its stream is opened, once. */
  private readonly takingUp = new Set<string>();
  private stops: readonly (() => void)[] = [];

  constructor(
    private readonly subscriptions: ResourceSubscriptions,
    private readonly records: SessionRecords,
    private readonly post: SessionPost,
    private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.stops = [
      this.post.on('subscribed', ({ s: sessionId, u: uri }, tenantId) => void this.takeUp(tenantId, sessionId, uri)),
      this.post.on('unsubscribed', ({ s: sessionId, u: uri }) => this.subscriptions.unsubscribe(sessionId, uri)),
    ];
  }

  onApplicationShutdown(): void {
    this.stopping.abort();
    for (const stop of this.stops) stop();
  }

  /** As `ResourceSubscriptions.subscribe`; the session has it on every replica, and after a restart. */
  async subscribe(subscriber: Subscriber, selection: Selection, uri: string): Promise<SubscriptionAnswer> {
    const answer = await this.subscriptions.subscribe(subscriber, selection, uri);
    if (answer.kind !== 'subscribed') return answer;
    const { key: sessionId, principal } = subscriber;
    const { tenantId } = principal;
    const note = { session: sessionKey(sessionId), name: nameOf(uri), text: uri, seconds: SECONDS };
    await this.records.keep(tenantId, [note]).catch((error: unknown) => this.warn(error));
    void this.post.send(tenantId, { k: 'subscribed', s: sessionId, u: uri });
    return answer;
  }

  async unsubscribe(tenantId: TenantId, sessionId: string, uri: string): Promise<void> {
    this.subscriptions.unsubscribe(sessionId, uri);
    const key = sessionKey(sessionId);
    await this.records.forget(tenantId, key, nameOf(uri)).catch((error: unknown) => this.warn(error));
    void this.post.send(tenantId, { k: 'unsubscribed', s: sessionId, u: uri });
  }

  /** The stream of the session is open here. Never rejects. */
  async resume(tenantId: TenantId, sessionId: string): Promise<void> {
    try {
      const notes = await this.records.read(tenantId, sessionKey(sessionId), { prefix: PREFIX });
      await Promise.all(notes.map(({ text }) => this.takeUp(tenantId, sessionId, text)));
    } catch (error) {
      this.warn(error);
    }
  }

  /** Never rejects. */
  private async takeUp(tenantId: TenantId, sessionId: string, uri: string): Promise<void> {
    const key = `${sessionId} ${uri}`;
    if (this.takingUp.has(key)) return;
    this.takingUp.add(key);
    try {
      await this.tryToTakeUp(tenantId, sessionId, uri);
    } catch (error) {
      this.warn(error);
    } finally {
      this.takingUp.delete(key);
    }
  }

  private async tryToTakeUp(tenantId: TenantId, sessionId: string, uri: string): Promise<void> {
    const { signal } = this.stopping;
    for (let tries = 0; tries < TRIES && !signal.aborted; tries++) {
      if (await this.subscriptions.takeUp(sessionId, uri)) return;
      await pause(FIRST_PAUSE_MS * 2 ** tries, undefined, { signal, ref: false }).catch(() => undefined);
      // It may have been taken back meanwhile, and its session may be over.
      const kept = await this.records.read(tenantId, sessionKey(sessionId), { prefix: nameOf(uri) });
      if (kept.length === 0) return;
    }
  }

  private warn(error: unknown): void {
    this.log.warn('the subscriptions of a session could not be kept or taken up', { err: error });
  }
}

const nameOf = (uri: string): string => PREFIX + createHash('sha256').update(uri).digest('base64url');
