import { INTERNAL_ERROR, type NeededConsent } from '#builder';
import { ComposerError } from '#kernel';
import type { McpReply } from '../mcp-endpoint/mcp-reply.js';
import { PassingReply } from './passing-reply.js';

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
export class RecordedReply extends PassingReply<McpReply> {
  readonly takesPieces: boolean;
  private readonly noteEnd: NoteEnd;
  private hasEnded = false;

  constructor(reply: McpReply, { noteEnd, mayWait }: RecordedReplyOptions) {
    super(reply);
    this.takesPieces = reply.takesPieces && !mayWait;
    this.noteEnd = noteEnd;
  }

  override message(parts: readonly Buffer[], status?: number): void {
    this.end('done', () => this.reply.message(parts, status));
  }

  override result(result: object): void {
    this.end('done', () => this.reply.result(result));
  }

  override failed(text: string, code: string): void {
    this.end('failed', () => this.reply.failed(text, code));
  }

  override needsConsent(consent: NeededConsent): void {
    this.end('refused', () => this.reply.needsConsent(consent));
  }

  override protocolError(code: number, message: string, data?: object): void {
    this.end('failed', () => this.reply.protocolError(code, message, data));
  }

  /** The call was not allowed, or its arguments do not fit: `answer` says so. */
  refuse(answer: (reply: McpReply) => void): void {
    this.end('refused', () => answer(this.reply));
  }

  override endStream(): void {
    this.end('done', () => this.reply.endStream());
  }

  override endUnanswered(): void {
    this.end('failed', () => this.reply.endUnanswered());
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
