import { AuditBatches, type AuditEvent, type AuditMode, AuditModes } from '#audit';
import { Clock, type ServerId } from '#kernel';
import { type Principal, actorOf } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { type CallOutcome, RecordedReply } from './recorded-reply.js';

/** Callers choose the names of tools that do not exist. */
const MAX_NAME = 256;

/** What is called, as far as it is known. */
export interface CalledThing {
  readonly kind: keyof typeof ACTIONS;
  /** What is done to it, where that is not the usual. */
  readonly action?: string;
  /** The full name, or the URI, as the caller said it. */
  readonly name: string;
  /** The member that carries it out; absent for management tools and for what is unknown. */
  readonly server?: ServerId;
}

const ACTIONS = {
  tool: 'tool.called',
  prompt: 'prompt.fetched',
  resource: 'resource.read',
  task: 'task.read',
} as const;

/**
 * Has every call recorded when it ends: who called what, with which credential, how it ended and how long it took; never
 * the arguments, and never the result.
 */
@Injectable()
export class CallRecorder {
  constructor(
    private readonly batches: AuditBatches,
    private readonly modes: AuditModes,
    private readonly clock: Clock,
  ) {}

  /**
   * The reply for whoever carries out the call, which is recorded when that answers.
   *
   * @param thing absent: nothing is recorded
   * @throws AuditBacklogError when the call could not be recorded; then it must not be made
   */
  begin({ principal, reply }: Pick<RoutedExchange, 'principal' | 'reply'>, thing?: CalledThing): RecordedReply {
    if (!thing) return new RecordedReply(reply, { noteEnd: () => undefined, mayWait: false });
    const { tenantId } = principal;
    const mode = this.modes.modeOf(tenantId);
    if (typeof mode !== 'string') mode.catch(() => undefined); // asked for when the call has ended
    this.batches.reserve(tenantId);
    const began = performance.now();
    const noteEnd = (outcome: CallOutcome, reason?: string): Promise<void> | undefined => {
      const ms = Math.round(performance.now() - began);
      const event = eventOf(principal, thing, { outcome, at: this.clock.now(), ms, reason });
      if (mode === 'batched') return void this.batches.recordReserved(tenantId, event);
      return this.recordAs(mode, principal, event);
    };
    return new RecordedReply(reply, { noteEnd, mayWait: mode !== 'batched' });
  }

  /** A mode that cannot be found out is taken for the strict one. */
  private async recordAs(
    mode: AuditMode | Promise<AuditMode>,
    { tenantId }: Principal,
    event: AuditEvent,
  ): Promise<void> {
    const known = await Promise.resolve(mode).catch(() => 'strict');
    if (known === 'strict') await this.batches.recordReservedNow(tenantId, event);
    else this.batches.recordReserved(tenantId, event);
  }
}

interface End {
  readonly outcome: CallOutcome;
  readonly at: number;
  readonly ms: number;
  readonly reason: string | undefined;
}

function eventOf(
  principal: Principal,
  { kind, action = ACTIONS[kind], name, server }: CalledThing,
  { outcome, at, ms, reason }: End,
): AuditEvent {
  return {
    action,
    outcome,
    at,
    actor: actorOf(principal),
    target: `${kind}:${name.slice(0, MAX_NAME)}`,
    detail: { ...(server === undefined ? {} : { server }), ms, ...(reason === undefined ? {} : { reason }) },
  };
}
