import { AuditBacklogError } from '#audit';
import {
  type ClientFacts,
  type ForwardedMethod,
  INTERNAL_ERROR,
  type MemberReply,
  type MemberSlot,
  type MirroredParam,
  type RunningCall,
} from '#builder';
import { Log } from '#observability';
import type { Principal } from '#tenancy';
import { Injectable } from '@nestjs/common';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import { TaskReplies } from '../tasks/task-replies.js';
import { CallRecorder, type CalledThing } from './call-recorder.js';
import type { OpenCall } from './open-call.js';
import { OpenCalls } from './open-calls.js';
import type { RecordedReply } from './recorded-reply.js';

/** Who answers a request, and the member's own word for what is asked. */
export interface Destination {
  readonly slot: MemberSlot;
  readonly target: string;
  /** As of `CatalogEntry`. */
  readonly mirrored?: readonly MirroredParam[];
  /** Of a task: the tool whose call has made it, by the member's own name. */
  readonly tool?: string;
}

/** A request that a member is to answer. */
export interface MemberCall {
  readonly method: ForwardedMethod;
  readonly client: ClientFacts;
  readonly recorded: RecordedReply;
  readonly destination: Destination;
  /** Members and permissions may have changed while the call waited. */
  readonly findAgain: (by: Principal) => Destination | undefined;
  /** Answers that it is not there, or not any more. */
  readonly refuse: () => void;
  /** The reply that the member is given; what is recorded unless given. */
  readonly replyTo?: (destination: Destination) => MemberReply;
  /** Puts a reply before that one. */
  readonly wrap?: (reply: MemberReply) => MemberReply;
}

/** Has members answer requests, each in its turn, and has their ends recorded. */
@Injectable()
export class MemberCalls {
  constructor(
    private readonly recorder: CallRecorder,
    private readonly calls: OpenCalls,
    private readonly tasks: TaskReplies,
    private readonly log: Log,
  ) {}

  /**
   * `undefined`: the call cannot be recorded, so it is not made, and its caller knows.
   *
   * @param thing absent: nothing is recorded
   */
  record(exchange: RoutedExchange, thing?: CalledThing): RecordedReply | undefined {
    try {
      return this.recorder.begin(exchange, thing);
    } catch (error) {
      if (!(error instanceof AuditBacklogError)) throw error;
      const { status, code, message } = error;
      exchange.response.setHeader('retry-after', '2');
      exchange.reply.error(status, { code: INTERNAL_ERROR, message, data: { code } });
      return undefined;
    }
  }

  start(exchange: RoutedExchange, call: MemberCall): OpenCall {
    const { recorded, destination, findAgain } = call;
    return this.calls.start(exchange, {
      recorded,
      isOpenTo: (by) => isSame(findAgain(by), destination),
      begin: (by, hasWaited) => this.begin(hasWaited ? findAgain(by) : destination, call, exchange),
      onFault: (error) => {
        this.log.error('a call failed internally', { err: error });
        recorded.protocolError(INTERNAL_ERROR, 'Internal error: the composer could not handle this request');
      },
    });
  }

  private begin(
    destination: Destination | undefined,
    { method, client, recorded, refuse, replyTo, wrap = (reply) => reply }: MemberCall,
    exchange: RoutedExchange,
  ): RunningCall | undefined {
    if (!destination) {
      refuse();
      return undefined;
    }
    const { message, request, principal, logLevel } = exchange;
    const { slot, ...wanted } = destination;
    if (!slot.member) {
      const text = `Server "${slot.ref.serverId}" cannot serve: ${slot.problem ?? 'it could not be built'}. Tell an administrator.`;
      recorded.failed(text, 'COMPOSER_MEMBER_UNUSABLE');
      return undefined;
    }
    const asked = { ...wanted, method, message, client, headers: request.headers, principalId: principal.id };
    const heard = logLevel === undefined ? {} : { logLevel };
    const { target } = wanted;
    const reply = replyTo?.(destination) ?? this.tasks.replyTo(exchange, { method, client, slot, target }, recorded);
    return slot.member.request({ ...asked, ...heard }, wrap(reply));
  }
}

const isSame = (found: Destination | undefined, { slot, target }: Destination): boolean =>
  found?.slot.ref.serverId === slot.ref.serverId && found.target === target;
