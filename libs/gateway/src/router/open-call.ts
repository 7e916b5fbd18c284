import type { IncomingMessage } from 'node:http';
import type { RunningCall } from '#builder';
import { ComposerError } from '#kernel';
import type { Principal } from '#tenancy';
import { AccessEndedError } from '../gateway.errors.js';
import type { RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import type { OpenExchange, OpenExchanges } from '../mcp-endpoint/open-exchanges.js';
import type { CallAdmission, Ticket, Turn } from './call-admission.js';
import type { GoingOn, RestingCall } from '../parking/asked-call.js';
import type { RecordedReply } from './recorded-reply.js';

export interface OpenCallParts {
  readonly admission: CallAdmission;
  readonly exchanges: OpenExchanges;
  /** Answers, and has the end of the call recorded. */
  readonly recorded: RecordedReply;
  /** Begins the call at the member; undefined if it was answered instead. */
  readonly begin: (principal: Principal, hasWaited: boolean) => RunningCall | undefined;
  /** Whether the principal may still have what the call asks for. */
  readonly isOpenTo: (principal: Principal) => boolean;
  /** Told of what nobody has thrown on purpose. The reply is still to be given. */
  readonly onFault: (error: unknown) => void;
}

interface PlaceTaking {
  readonly proceed: (hasWaited: boolean) => void;
  readonly refused: (error: unknown) => void;
}

/**
 * One tool call, from the wait for its turn to its end. However it ends (answered, cancelled, abandoned, refused, revoked)
 * its place is given back, and once.
 */
export class OpenCall implements OpenExchange, RestingCall {
  readonly endsWithCredential = false;
  request: IncomingMessage;
  principal: Principal;
  private readonly reply: RoutedExchange['reply'];
  private running: RunningCall | undefined;
  private ticket: Ticket | undefined;
  private turn: Turn | undefined;
  private isResting = false;
  private isOver = false;
  private takeOut: () => void = () => undefined;

  constructor(
    { principal, request, reply }: Pick<RoutedExchange, 'principal' | 'request' | 'reply'>,
    private readonly parts: OpenCallParts,
  ) {
    this.principal = principal;
    this.request = request;
    this.reply = reply;
  }

  start(): void {
    this.takeOut = this.parts.exchanges.add(this);
    this.reply.onAnswered(() => this.close());
    const told = {
      proceed: (hasWaited: boolean) => this.begin(hasWaited),
      refused: (error: unknown) => this.fail(error),
    };
    this.takePlace(told);
  }

  /** Nobody wants the answer any more. @param why for the audit trail */
  cancel(why = 'cancelled'): void {
    this.stop(why);
  }

  /**
   * While its caller is asked, a call of which nothing is open at the composer holds no place: a person may take minutes,
   * and calls that somebody waits for would stand in line behind it. How many rest is bounded where they are kept.
   */
  rest(): void {
    this.isResting = true;
    this.ticket?.leave();
    this.ticket = undefined;
  }

  goOn({ principal, request }: Pick<RoutedExchange, 'principal' | 'request'>, { proceed, refused }: GoingOn): void {
    this.principal = principal;
    this.request = request;
    this.takePlace({
      proceed: () => {
        this.isResting = false;
        proceed();
      },
      refused: (error) => (error instanceof ComposerError && !this.isOver ? refused(error) : this.fail(error)),
    });
  }

  isOpenTo(principal: Principal): boolean {
    return this.parts.isOpenTo(principal);
  }

  end(reason: ComposerError): void {
    if (this.stop('access ended')) this.reply.cutOff(reason);
  }

  /** What was allowed when it began may finish; what waits is judged anew: for its turn when it begins, for its caller now. */
  goOnAs(principal: Principal): void {
    this.principal = principal;
    if (this.isResting && !this.isOpenTo(principal)) this.end(new AccessEndedError());
  }

  /** False if it is over already. */
  private stop(why: string): boolean {
    if (this.isOver) return false;
    this.close();
    this.parts.recorded.noteCancelled(why);
    this.running?.cancel();
    return true;
  }

  private takePlace(told: PlaceTaking): void {
    try {
      const place = this.parts.admission.enter(this.principal);
      if (!('leave' in place)) return this.wait(place, told);
      this.ticket = place;
      told.proceed(false);
    } catch (error) {
      told.refused(error);
    }
  }

  private wait(turn: Turn, { proceed, refused }: PlaceTaking): void {
    this.turn = turn;
    // In either era: nothing has begun that the caller could want to have gone on.
    this.reply.onAbandoned(() => {
      if (this.turn) this.cancel();
    });
    turn.slot.then(
      (ticket) => {
        this.turn = undefined;
        if (this.isOver) return ticket.leave();
        this.ticket = ticket;
        try {
          proceed(true);
        } catch (error) {
          refused(error);
        }
      },
      (error: unknown) => {
        this.turn = undefined;
        refused(error);
      },
    );
  }

  private begin(hasWaited: boolean): void {
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
