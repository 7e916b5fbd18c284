import { randomBytes } from 'node:crypto';
import {
  type ClientAnswer,
  type ClientFacts,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  type MemberQuestion,
  questionIn,
} from '#builder';
import type { ComposerError } from '#kernel';
import type { Principal } from '#tenancy';
import type { McpExchange, RoutedExchange } from '../mcp-endpoint/mcp-exchange.js';
import type { ParkedState } from '../sessions/request-states.js';
import { givenAnswers } from './given-answers.js';
import { RoundTripReply } from './round-trip-reply.js';

/** A call under way, as far as it is concerned by its caller being asked. */
export interface RestingCall {
  /** Gives its place to others. */
  rest(): void;
  /** Takes a place again, in its turn, for a caller that is back; `proceed` is told when it has one. */
  goOn(back: Pick<RoutedExchange, 'principal' | 'request'>, told: GoingOn): void;
  cancel(why?: string): void;
  /** Whether the principal may still have what the call asks for. */
  isOpenTo(principal: Principal): boolean;
}

export interface GoingOn {
  readonly proceed: () => void;
  /** There is no place now: the caller may come again. */
  readonly refused: (error: ComposerError) => void;
}

export interface AskedCallParts {
  /** Counts it among those that are kept, once. False: there are too many, or no more time. */
  readonly keep: (call: AskedCall) => boolean;
  readonly mayKeep: (call: AskedCall, bytes: number) => boolean;
  readonly forget: (call: AskedCall) => void;
  /** The time now, in milliseconds of Unix time. */
  readonly now: () => number;
  readonly stateFor: (call: AskedCall, exchange: McpExchange, turn: string) => string;
  /** Answers that a state is worth nothing any more. */
  readonly refuseGone: (exchange: McpExchange, why: string) => void;
}

interface OpenQuestion {
  readonly question: MemberQuestion;
  readonly take: (answer: ClientAnswer) => void;
  timesAsked: number;
}

/** How long a person may take, for the questions of one turn. */
export const ANSWER_MS = 600_000;
/** Questions that come so soon after one another are put together; later ones go with the caller's next request. */
const GATHERING_MS = 50;
const MAX_QUESTIONS = 16;
/** 2026-07-28, multi-round-trip requests: what is missing should be asked for again. Once. */
const MAX_TIMES_ASKED = 2;
const CANCELLED = { result: Buffer.from('{"action":"cancel"}') };
const UNANSWERED = {
  error: Buffer.from(JSON.stringify({ code: INTERNAL_ERROR, message: 'The client has given no answer' })),
};

/**
 * A call of a modern client that members of the legacy era may ask something on the way. The client is answered
 * `input_required` with their questions, and the call is parked: it goes on at the member, which waits, and the client
 * comes back with the answers in a request of its own. It is cancelled if it does not come in time.
 */
export class AskedCall {
  readonly id = randomBytes(16).toString('base64url');
  readonly reply: RoundTripReply;
  /** When the questions that are out are answered no more, in milliseconds of Unix time. */
  until = Infinity;
  private readonly questions = new Map<string, OpenQuestion>();
  private count = 0;
  /** Of the questions that are out; empty while the client is here. */
  private turn = '';
  private gathering: NodeJS.Timeout | undefined;
  /** The client is back, and the call has no place yet. */
  private isReturning = false;
  private isOver = false;
  private running: RestingCall | undefined;

  constructor(
    private exchange: McpExchange,
    private client: ClientFacts,
    private readonly parts: AskedCallParts,
  ) {
    this.reply = new RoundTripReply(exchange.reply, {
      asker: (question, take) => this.ask(question, take),
      mayKeep: (bytes) => parts.mayKeep(this, bytes),
    });
    this.reply.onAnswered(() => this.end());
    // 2026-07-28, transports: a client that closes the stream has cancelled the request.
    this.reply.onAbandoned(() => this.cancel());
  }

  get principal(): Principal {
    return this.exchange.principal;
  }

  get isParked(): boolean {
    return this.turn !== '';
  }

  /** The call has begun. @param running absent: it is answered, or cannot be cancelled */
  begun(running: RestingCall | undefined): void {
    this.running = running;
  }

  /** The client is back with `state`, which was given for this call. */
  goOn(exchange: McpExchange, { turn }: ParkedState, client: ClientFacts): void {
    if (turn !== this.turn) return this.parts.refuseGone(exchange, 'has been used');
    if (!this.running?.isOpenTo(exchange.principal)) {
      this.cancel('access ended');
      return this.parts.refuseGone(exchange, 'is of a call that you may not make any more');
    }
    const asked = new Map([...this.questions].map(([key, { question }]) => [key, question]));
    const answers = givenAnswers(exchange.message, asked);
    if (typeof answers === 'string') {
      return exchange.reply.protocolError(INVALID_PARAMS, `Invalid params: ${answers}`);
    }
    const [from, until] = [this.exchange, this.until];
    this.exchange = exchange;
    this.turn = '';
    this.until = Infinity;
    this.isReturning = true;
    this.reply.goOnIn(exchange.reply, exchange.message);
    if (this.isOver) return this.parts.forget(this);
    this.running.goOn(exchange, {
      proceed: () => {
        this.isReturning = false;
        this.client = client;
        this.proceed(answers);
      },
      refused: (error) => {
        [this.exchange, this.until, this.turn] = [from, until, turn];
        this.isReturning = false;
        this.reply.pause((reply) => reply.refuse(error));
      },
    });
  }

  /** @param why for the audit trail */
  cancel(why?: string): void {
    this.running?.cancel(why);
    this.reply.drop();
    this.end();
  }

  private ask(question: MemberQuestion, take: (answer: ClientAnswer) => void): (() => void) | undefined {
    if (this.isOver || this.questions.size >= MAX_QUESTIONS || !questionIn(question, this.client)) return undefined;
    if (!this.parts.keep(this)) return undefined;
    const key = `question-${++this.count}`;
    this.questions.set(key, { question: modernForm(question), take, timesAsked: 0 });
    if (!this.reply.isPaused && !this.isReturning) this.gather();
    return () => void this.questions.delete(key);
  }

  /** There are few questions, so this ends. */
  private gather(): void {
    if (this.gathering) this.gathering.refresh();
    else this.gathering = setTimeout(() => this.park(), GATHERING_MS);
  }

  private park(): void {
    this.stopGathering();
    const mayWait = this.parts.keep(this);
    for (const [key, open] of this.questions) {
      // What was asked before may be more than this request declares.
      if (!mayWait || !questionIn(open.question, this.client)) this.giveUp(key, open);
    }
    if (this.isOver || this.questions.size === 0) return;
    for (const open of this.questions.values()) open.timesAsked++;
    this.turn = randomBytes(16).toString('base64url');
    this.until = this.parts.now() + ANSWER_MS;
    this.running?.rest();
    const inputRequests = Object.fromEntries([...this.questions].map(([key, { question }]) => [key, question]));
    const requestState = this.parts.stateFor(this, this.exchange, this.turn);
    this.reply.pause((reply) => reply.result({ resultType: 'input_required', inputRequests, requestState }));
  }

  private proceed(answers: ReadonlyMap<string, Buffer>): void {
    for (const [key, open] of this.questions) {
      const result = answers.get(key);
      if (result) this.close(key, open, { result });
      else if (open.timesAsked >= MAX_TIMES_ASKED) this.giveUp(key, open);
    }
    // What came meanwhile, or is missing.
    if (this.questions.size > 0) this.gather();
  }

  private giveUp(key: string, open: OpenQuestion): void {
    this.close(key, open, open.question.method === 'elicitation/create' ? CANCELLED : UNANSWERED);
  }

  private close(key: string, { take }: OpenQuestion, answer: ClientAnswer): void {
    this.questions.delete(key);
    take(answer);
  }

  private stopGathering(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
  }

  private end(): void {
    this.isOver = true;
    this.stopGathering();
    this.questions.clear();
    if (!this.reply.isKept) this.parts.forget(this);
  }
}

/** 2026-07-28 knows a page by its URL alone. */
function modernForm({ method, params }: MemberQuestion): MemberQuestion {
  const { elicitationId: _, ...rest } = params;
  return { method, params: method === 'elicitation/create' ? rest : params };
}
