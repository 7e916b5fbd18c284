import { type ClientAnswer, INTERNAL_ERROR, type MemberQuestion, type MemberReply, type NeededConsent } from '#builder';
import { ComposerError } from '#kernel';
import type { HttpReply } from '../mcp-endpoint/http-reply.js';

/** How a call ended, as the audit trail tells it. */
export type CallOutcome = 'done' | 'refused' | 'failed';

/** Records the end of one call, once. A promise: the answer waits for it, and is withheld if it rejects. */
export type NoteEnd = (outcome: CallOutcome, reason?: string) => Promise<void> | undefined;

export interface RecordedReplyOptions {
  readonly noteEnd: NoteEnd;
  /** The answer may have to wait for its record: it must not leave unseen among the bytes of a stream. */
  readonly mayWait: boolean;
}

/**
 * Stands between whoever carries a call out and its caller, and sees to it that the end of the call is recorded: before
 * the answer is given where the tenant wants that, else along with it. Progress is passed on in either case.
 */
export class RecordedReply implements MemberReply {
  readonly id: Buffer;
  readonly takesEvents: boolean;
  readonly takesPieces: boolean;
  private readonly noteEnd: NoteEnd;
  private hasEnded = false;

  constructor(
    private readonly reply: HttpReply,
    { noteEnd, mayWait }: RecordedReplyOptions,
  ) {
    this.id = reply.id;
    this.takesEvents = reply.takesEvents;
    this.takesPieces = reply.takesPieces && !mayWait;
    this.noteEnd = noteEnd;
  }

  message(parts: readonly Buffer[], status?: number): void {
    this.end('done', () => this.reply.message(parts, status));
  }

  result(result: object): void {
    this.end('done', () => this.reply.result(result));
  }

  failed(text: string, code: string): void {
    this.end('failed', () => this.reply.failed(text, code));
  }

  needsConsent(consent: NeededConsent): void {
    this.end('refused', () => this.reply.needsConsent(consent));
  }

  protocolError(code: number, message: string, data?: object): void {
    this.end('failed', () => this.reply.protocolError(code, message, data));
  }

  /** The call was not allowed, or its arguments do not fit: `answer` says so. */
  refuse(answer: (reply: HttpReply) => void): void {
    this.end('refused', () => answer(this.reply));
  }

  ask(question: MemberQuestion, take: (answer: ClientAnswer) => void): (() => void) | undefined {
    return this.reply.ask(question, take);
  }

  openStream(): void {
    this.reply.openStream();
  }

  event(parts: readonly Buffer[]): void {
    this.reply.event(parts);
  }

  piece(piece: Buffer): boolean {
    return this.reply.piece(piece);
  }

  endStream(): void {
    this.end('done', () => this.reply.endStream());
  }

  endUnanswered(): void {
    this.end('failed', () => this.reply.endUnanswered());
  }

  onDrain(resume: () => void): void {
    this.reply.onDrain(resume);
  }

  /** The caller does not want an answer any more. */
  noteCancelled(reason = 'cancelled'): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.noteEnd('failed', reason)?.catch(() => undefined); // there is no answer to withhold
  }

  private end(outcome: CallOutcome, answer: () => void): void {
    if (this.hasEnded) return answer();
    this.hasEnded = true;
    const written = this.noteEnd(outcome);
    if (!written) return answer();
    written.then(answer, (error: unknown) => this.withhold(error));
  }

  private withhold(error: unknown): void {
    const { code, message } =
      error instanceof ComposerError ? error : { code: 'COMPOSER_INTERNAL', message: 'Internal error' };
    this.reply.error(503, { code: INTERNAL_ERROR, message, data: { code } });
  }
}
