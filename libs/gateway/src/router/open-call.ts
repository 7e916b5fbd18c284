import type { IncomingMessage } from 'node:http';
import type { RunningCall } from '#builder';
import { ComposerError } from '#kernel';
import type { Principal } from '#tenancy';
import type { McpExchange } from '../mcp-endpoint/mcp-exchange.js';
import type { OpenExchange, OpenExchanges } from '../mcp-endpoint/open-exchanges.js';
import type { CallAdmission, Ticket, Turn } from './call-admission.js';
import type { RecordedReply } from './recorded-reply.js';

export interface OpenCallParts {
  readonly admission: CallAdmission;
  readonly exchanges: OpenExchanges;
  /** Answers, and has the end of the call recorded. */
  readonly recorded: RecordedReply;
  /** Begins the call at the member; undefined if it was answered instead. */
  readonly begin: (principal: Principal, hasWaited: boolean) => RunningCall | undefined;
  /** Told of what nobody has thrown on purpose. The reply is still to be given. */
  readonly onFault: (error: unknown) => void;
}

/**
 * One tool call, from the wait for its turn to its end. However it ends (answered, cancelled, abandoned, refused, revoked)
 * its place is given back, and once.
 */
export class OpenCall implements OpenExchange {
  readonly endsWithCredential = false;
  readonly request: IncomingMessage;
  principal: Principal;
  private readonly reply: McpExchange['reply'];
  private running: RunningCall | undefined;
  private ticket: Ticket | undefined;
  private turn: Turn | undefined;
  private isOver = false;
  private takeOut: () => void = () => undefined;

  constructor(
    { principal, request, reply }: Pick<McpExchange, 'principal' | 'request' | 'reply'>,
    private readonly parts: OpenCallParts,
  ) {
    this.principal = principal;
    this.request = request;
    this.reply = reply;
  }

  start(): void {
    this.takeOut = this.parts.exchanges.add(this);
    this.reply.onAnswered(() => this.close());
    try {
      const place = this.parts.admission.enter(this.principal);
      if ('leave' in place) this.begin(place, false);
      else this.wait(place);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Nobody wants the answer any more. */
  cancel(): void {
    this.stop('cancelled');
  }

  end(reason: ComposerError): void {
    if (this.stop('access ended')) this.reply.cutOff(reason);
  }

  /** What was allowed when it began may finish; what waits is judged anew when it begins. */
  goOnAs(principal: Principal): void {
    this.principal = principal;
  }

  /** False if it is over already. */
  private stop(why: string): boolean {
    if (this.isOver) return false;
    this.close();
    this.parts.recorded.noteCancelled(why);
    this.running?.cancel();
    return true;
  }

  private wait(turn: Turn): void {
    this.turn = turn;
    // In either era: nothing has begun that the caller could want to have gone on.
    this.reply.onAbandoned(() => {
      if (this.turn) this.cancel();
    });
    turn.slot.then(
      (ticket) => {
        this.turn = undefined;
        if (this.isOver) return ticket.leave();
        try {
          this.begin(ticket, true);
        } catch (error) {
          this.fail(error);
        }
      },
      (error: unknown) => this.fail(error),
    );
  }

  private begin(ticket: Ticket, hasWaited: boolean): void {
    this.ticket = ticket;
    this.running = this.parts.begin(this.principal, hasWaited);
  }

  private fail(error: unknown): void {
    if (this.isOver) return;
    this.close();
    if (error instanceof ComposerError) this.parts.recorded.refuse((reply) => reply.refuse(error));
    else this.parts.onFault(error);
  }

  private close(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.takeOut();
    this.turn?.giveUp();
    this.ticket?.leave();
  }
}
