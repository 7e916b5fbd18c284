import type { IncomingMessage } from 'node:http';
import { type ClientAnswer, type MemberQuestion, type MemberReply, modernFacts, parseMessage } from '#builder';
import type { Principal } from '#tenancy';
import { principalOf } from '#tenancy/testing';
import { EVERYTHING } from '../src/catalog/selection.js';
import { Elicitations } from '../src/consent/elicitations.js';
import { OpenElicitations } from '../src/consent/open-elicitations.js';
import { ModernAsking } from '../src/eras/modern-asking.js';
import { HttpReply } from '../src/mcp-endpoint/http-reply.js';
import type { McpExchange, RoutedExchange } from '../src/mcp-endpoint/mcp-exchange.js';
import { OpenExchanges } from '../src/mcp-endpoint/open-exchanges.js';
import { ParkedCalls } from '../src/parking/parked-calls.js';
import { OpenCall } from '../src/router/open-call.js';
import { RecordedReply } from '../src/router/recorded-reply.js';
import { RequestStates } from '../src/sessions/request-states.js';
import { SetClock } from './set-clock.js';
import { ToldAdmission } from './told-admission.js';
import { ToldResponse } from './told-response.js';
import { TurningSeal } from './turning-seal.js';

const ALL = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

export interface Post {
  readonly id?: number;
  readonly principal?: Principal;
  readonly capabilities?: object;
  readonly method?: string;
  readonly takesEvents?: boolean;
  readonly params?: object;
  readonly meta?: object;
  /** A name for the HTTP request. */
  readonly request?: string;
}

/** A call as its member sees it: what it answers, and what it hears. */
export interface CallAtMember {
  readonly reply: MemberReply;
  /** What was sent to it. */
  readonly params: object;
  readonly answers: ClientAnswer[];
  isCancelled: boolean;
}

/** Modern clients and a member that asks, with everything of the gateway between them that is concerned. */
export class AskedCallsGround {
  readonly clock = new SetClock();
  readonly admission = new ToldAdmission();
  readonly exchanges = new OpenExchanges(this.clock);
  readonly states = new RequestStates(new TurningSeal(), this.clock);
  readonly parked = new ParkedCalls(this.states, this.clock);
  readonly calls: CallAtMember[] = [];
  /** What the audit trail has of each call. */
  readonly ends: string[] = [];
  isAllowed = (_: Principal): boolean => true;
  mayWait = false;
  private readonly asking = new ModernAsking(
    this.states,
    new Elicitations(this.states, new OpenElicitations(), this.clock),
    this.parked,
  );

  post({ id = 1, principal = principalOf('ann'), capabilities = ALL, method = 'tools/call', ...more }: Post = {}) {
    const { takesEvents = true, params = {}, meta = {}, request: name = '' } = more;
    const _meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities, ...meta };
    const sent = { jsonrpc: '2.0', id, method, params: { name: 'crm_find', ...params, _meta } };
    const message = parseMessage(Buffer.from(JSON.stringify(sent)));
    const response = new ToldResponse();
    const isToolCall = method === 'tools/call';
    const options = { era: 'modern', id: Buffer.from(String(id)), takesEvents, isToolCall } as const;
    const reply = new HttpReply(response.asServerResponse, options);
    const request = { name } as unknown as IncomingMessage;
    const exchange = { principal, selection: EVERYTHING, message, reply, request } as unknown as McpExchange;
    this.asking.carryOut(exchange, modernFacts(message.params), (asked) => this.start(asked));
    return response;
  }

  /** Has the member ask. Gives how it takes the question back; undefined if it may not ask. */
  ask(method: MemberQuestion['method'], params: object = {}, of = this.calls.length - 1): (() => void) | undefined {
    const { reply, answers } = this.calls[of]!;
    const question = { method, params: params as MemberQuestion['params'] };
    return reply.ask(question, (answer) => answers.push(answer));
  }

  /** What the member has been answered, as text. */
  answersOf(of = this.calls.length - 1): readonly string[] {
    return this.calls[of]!.answers.map((answer) =>
      'result' in answer ? answer.result.toString() : `error ${answer.error.toString()}`,
    );
  }

  private start(exchange: RoutedExchange): OpenCall {
    const { ends, admission, exchanges } = this;
    const noteEnd = (outcome: string, reason = '') => {
      ends.push(`${outcome} ${reason}`.trim());
      return this.mayWait ? Promise.resolve() : undefined;
    };
    const recorded = new RecordedReply(exchange.reply, { noteEnd, mayWait: this.mayWait });
    const call: CallAtMember = {
      reply: recorded,
      params: exchange.message.params,
      answers: [],
      isCancelled: false,
    };
    const open = new OpenCall(exchange, {
      admission,
      exchanges,
      recorded,
      isOpenTo: (by) => this.isAllowed(by),
      begin: () => {
        this.calls.push(call);
        return { cancel: () => (call.isCancelled = true), breakOff: () => undefined };
      },
      onFault: (error) => {
        throw error;
      },
    });
    open.start();
    return open;
  }
}
