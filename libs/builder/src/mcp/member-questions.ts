import { type ClientAnswer, questionIn, signedBy } from '../asked-client.js';
import type { ClientFacts } from '../client-facts.js';
import { scanObject } from '../json-rpc/json-scan.js';
import type { MemberReply } from '../member.js';
import { decoded } from './control-request.js';
import { INTERNAL_ERROR } from './mcp-protocol.js';
import { type MemberMessage, textAt } from './member-message.js';
import { answerTo, errorTo, ownAnswerTo, requestIdOf } from './own-answer.js';

/** Tells the member something in the session of the call; whether it has taken it. Never rejects. */
export type Teller = (message: Buffer) => Promise<boolean>;

export interface QuestionsParts {
  readonly memberName: string;
  /** Who has made the call. */
  readonly client: ClientFacts;
  readonly reply: Pick<MemberReply, 'ask'>;
  /** From now on people are waited for. False: too many are already, so that nobody is asked. */
  readonly onAsk: () => boolean;
  /** Nobody is waited for any more. */
  readonly onAnswered: () => void;
  /** The member has not taken an answer, and waits for it in vain. */
  readonly onUntold: () => void;
}

interface Open {
  /** As the member wrote it. */
  readonly id: string;
  readonly tell: Teller;
  withdraw: () => void;
}

/** How long a member may take to take an answer, in milliseconds: it may be large. */
export const ANSWERING_MS = 15_000;

const MAX_OPEN = 8;
/** Of one call. */
const MAX_IN_ALL = 100;
const OPEN_OBJECT = 0x7b;

/**
 * What a member of the legacy era asks of the caller while a call is under way (2025-11-25, requests of the server): each
 * question goes to the caller if it has declared what is asked for, and its answer to the member. What was not answered
 * when the call ends is taken back.
 */
export class MemberQuestions {
  private readonly open = new Map<string, Open>();
  private readonly seen = new Set<string>();
  private isOver = false;

  constructor(private readonly parts: QuestionsParts) {}

  /** A request of the member that belongs to the call. */
  take(message: MemberMessage, tell: Teller): void {
    const id = requestIdOf(message);
    if (id === undefined) return;
    const own = ownAnswerTo(message)!;
    const question = this.isOver ? undefined : questionIn(decoded(message.raw), this.parts.client);
    if (!question) return void tell(own);
    const key = keyOf(id);
    // A stream that is taken up again may tell a second time what was told already.
    if (this.seen.has(key)) return;
    const isTooMuch = this.open.size >= MAX_OPEN || this.seen.size >= MAX_IN_ALL;
    if (isTooMuch || (this.open.size === 0 && !this.parts.onAsk())) {
      return void tell(errorTo(id, INTERNAL_ERROR, 'Too many questions are open'));
    }
    this.seen.add(key);
    const asked: Open = { id, tell, withdraw: () => undefined };
    this.open.set(key, asked);
    const { memberName, reply } = this.parts;
    const withdraw = reply.ask(signedBy(memberName, question), (answer) => this.answered(key, answer));
    if (withdraw) asked.withdraw = withdraw;
    else if (this.close(key)) void tell(own);
  }

  /** `notifications/cancelled` of the member: it does not want the answer any more. */
  takeBack({ raw, places }: MemberMessage): void {
    const id = memberOf(raw, places.get('params')?.start, 'requestId');
    if (id !== undefined) this.close(keyOf(id))?.withdraw();
  }

  /** The call is over. */
  end(): void {
    this.isOver = true;
    for (const key of [...this.open.keys()]) {
      const { id, tell, withdraw } = this.close(key)!;
      withdraw();
      void tell(errorTo(id, INTERNAL_ERROR, 'The request that it belongs to is over'));
    }
  }

  get isAsking(): boolean {
    return this.open.size > 0;
  }

  private answered(key: string, answer: ClientAnswer): void {
    const asked = this.close(key);
    if (!asked) return;
    void asked.tell(messageOf(asked.id, answer)).then((isTaken) => {
      if (!isTaken && !this.isOver) this.parts.onUntold();
    });
  }

  private close(key: string): Open | undefined {
    const asked = this.open.get(key);
    if (!asked) return undefined;
    this.open.delete(key);
    if (this.open.size === 0) this.parts.onAnswered();
    return asked;
  }
}

/** The same string may be written in several ways. */
function keyOf(id: string): string {
  try {
    return id.startsWith('"') ? JSON.stringify(JSON.parse(id)) : id;
  } catch {
    return id;
  }
}

function messageOf(id: string, answer: ClientAnswer): Buffer {
  const [name, bytes] = 'result' in answer ? ['result' as const, answer.result] : ['error' as const, answer.error];
  if (bytes[0] !== OPEN_OBJECT) return errorTo(id, INTERNAL_ERROR, 'The client gave an answer that cannot be read');
  return answerTo(id, { [name]: bytes.toString('utf8') } as { result: string } | { error: string });
}

function memberOf(raw: Buffer, start: number | undefined, name: string): string | undefined {
  if (start === undefined || raw[start] !== OPEN_OBJECT) return undefined;
  let text: string | undefined;
  scanObject(raw, start, (key, span) => {
    if (key === name) text = textAt(raw, span);
  });
  return text;
}
