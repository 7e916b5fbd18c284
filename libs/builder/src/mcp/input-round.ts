import { isObject } from '#kernel';
import { type ClientAnswer, questionIn, signedBy } from '../asked-client.js';
import { InputMissingError, MemberProtocolError } from '../builder.errors.js';
import { applyEdits, insertMembers } from '../json-rpc/json-edit.js';
import { MessageError } from '../json-rpc/json-rpc.errors.js';
import { type Message, parseMessage } from '../json-rpc/json-rpc-message.js';
import { withoutParams } from '../json-rpc/message-without.js';
import type { MemberReply, MemberRequest } from '../member.js';

const OURS: ReadonlySet<string> = new Set(['requestState', 'inputResponses']);
const MAX_QUESTIONS = 16;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const CANCELLED = Buffer.from('{"action":"cancel"}');

export interface InputRoundParts {
  readonly memberName: string;
  readonly request: MemberRequest;
  readonly reply: MemberReply;
  /** Of the request that brings the answers, as JSON text: no request of the call has had it. */
  readonly nextId: string;
  /** Everything is answered: the request as it is to be sent again. */
  readonly complete: (again: Message) => void;
  readonly fail: (error: MemberProtocolError | InputMissingError) => void;
}

/**
 * What one `input_required` of a member (2026-07-28, multi-round-trip requests) asks of a caller of the legacy era: every
 * question is a request to the caller, and the request is made again with the answers.
 */
export class InputRound {
  private readonly answers = new Map<string, Buffer>();
  private withdrawals: readonly (() => void)[] = [];
  private waiting = 0;
  private bytes = 0;
  private isOver = false;

  constructor(private readonly parts: InputRoundParts) {}

  /** Asks everything at once. @param result that of the member */
  begin(result: unknown): void {
    const { inputRequests = {}, requestState } = isObject(result) ? result : {};
    const isStateKnown = requestState === undefined || typeof requestState === 'string';
    if (!isObject(inputRequests) || !isStateKnown) return this.fail('it asks for input in a way that cannot be read');
    const asked = Object.entries(inputRequests);
    if (asked.length > MAX_QUESTIONS) return this.fail('it asks for more at once than anybody answers');
    this.waiting = asked.length;
    const state = requestState;
    for (const [key, request] of asked) if (!this.isOver) this.ask(key, request, state);
    if (asked.length === 0) this.complete(state);
  }

  /** Nobody needs the answers any more: the caller is told. */
  withdraw(): void {
    this.isOver = true;
    for (const withdraw of this.withdrawals) withdraw();
    this.withdrawals = [];
  }

  private ask(key: string, request: unknown, state: string | undefined): void {
    const { memberName, reply, request: asked } = this.parts;
    const question = questionIn(request, asked.client);
    if (!question) return this.fail('it asks for input that this client has not said it can give');
    // Only elicitation has a result that says no.
    if (question.method === 'elicitation/create') this.answers.set(key, CANCELLED);
    const withdraw = reply.ask(signedBy(memberName, question), (answer) => this.take(key, answer, state));
    if (!withdraw) return this.fail('it asks for input, and this client cannot be asked any more');
    this.withdrawals = [...this.withdrawals, withdraw];
  }

  private take(key: string, answer: ClientAnswer, state: string | undefined): void {
    if (this.isOver) return;
    if ('result' in answer) this.answers.set(key, answer.result);
    else if (!this.answers.has(key))
      return this.end(() => this.parts.fail(new InputMissingError('the client refused it')));
    this.bytes += this.answers.get(key)!.length;
    if (this.bytes > MAX_ANSWER_BYTES) return this.fail('what it asked for is more than can be sent at once');
    if (--this.waiting === 0) this.complete(state);
  }

  private complete(state: string | undefined): void {
    this.end(() => {
      let again: Message;
      try {
        again = this.again(state);
      } catch (error) {
        if (!(error instanceof MessageError)) throw error;
        return this.parts.fail(new MemberProtocolError('what it asked for cannot be sent to it', error));
      }
      this.parts.complete(again);
    });
  }

  /** The caller's own bytes, with the member's state and the answers to its questions. */
  private again(state: string | undefined): Message {
    const { request, nextId } = this.parts;
    const message = withoutParams(request.message, OURS);
    const { raw, places } = message;
    const answers = [...this.answers].map(([key, answer]) => `${JSON.stringify(key)}:${answer.toString('utf8')}`);
    const members = [
      ...(answers.length > 0 ? [`"inputResponses":{${answers.join(',')}}`] : []),
      ...(state === undefined ? [] : [`"requestState":${JSON.stringify(state)}`]),
    ].join(',');
    const edits = members ? [insertMembers(raw, places.params!, members)] : [];
    return parseMessage(applyEdits(raw, [...edits, { ...places.id!, bytes: Buffer.from(nextId) }]));
  }

  private fail(what: string): void {
    this.end(() => this.parts.fail(new MemberProtocolError(what)));
  }

  private end(act: () => void): void {
    if (this.isOver) return;
    this.withdraw();
    act();
  }
}
