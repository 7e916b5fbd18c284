import type { ComposerError } from '#kernel';
import type { Log } from '#observability';
import { MemberProtocolError } from '../builder.errors.js';
import type { MemberMessage } from '../mcp/member-message.js';
import type { MessageStream, StreamWaiter } from '../mcp/message-stream.js';
import { StreamDesk } from '../mcp/stream-desk.js';
import { UnfinishedMessage } from '../mcp/unfinished-message.js';
import { LineReader } from './line-reader.js';
import type { MemberProcess, ProcessListener } from './member-process.js';
import { LineTooLongError, MemberEndedError } from './stdio.errors.js';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const LINE_END = Buffer.from('\n');

export interface StdioStreamParts {
  readonly process: MemberProcess;
  readonly log: Log;
  /** A message that belongs to no request: notifications, and what the member asks. */
  readonly onOther: (message: MemberMessage) => void;
  /** Told once, when it is over, unless it was closed from here. */
  readonly onOver: (error: ComposerError) => void;
}

/** JSON-RPC with one process: one message a line, in on its stdin, out on its stdout (stdio transport, all revisions). */
export class StdioStream implements MessageStream, ProcessListener {
  heardAt = 0;
  private readonly desk: StreamDesk;
  private readonly reader = new LineReader();
  private readonly unfinished = new UnfinishedMessage();
  private isOver = false;
  private isRetired = false;
  private hasSaidNonsense = false;

  constructor(private readonly parts: StdioStreamParts) {
    this.desk = new StreamDesk(parts.onOther);
    parts.process.listen(this);
  }

  get isClosed(): boolean {
    return this.isOver;
  }

  get isStuck(): boolean {
    return this.unfinished.isStuck || this.parts.process.isHeldBack;
  }

  get isBusy(): boolean {
    return this.desk.isBusy;
  }

  expect(id: number, waiter: StreamWaiter): boolean {
    if (this.isOver) return false;
    this.desk.expect(id, waiter);
    return true;
  }

  drop(id: number): void {
    this.desk.drop(id);
    this.closeIfDone();
  }

  /** False: nothing of it was sent, because the process reads more slowly than it is asked, or is over. */
  send(message: Buffer): boolean {
    return !this.isOver && this.parts.process.send(Buffer.concat([onOneLine(message), LINE_END]));
  }

  /** Takes no new requests; closes when those under way have ended. */
  retire(): void {
    this.isRetired = true;
    this.closeIfDone();
  }

  /** Ends the process. Resolves when it is over; who still waits is told at once. */
  async close(error: ComposerError = new MemberEndedError('its process was ended')): Promise<void> {
    if (!this.isOver) {
      this.isOver = true;
      this.desk.tellAll(error);
    }
    return this.parts.process.stop();
  }

  output(chunk: Buffer): void {
    if (this.isOver) return;
    this.heardAt = performance.now();
    this.desk.count(chunk.length);
    try {
      const lines = this.reader.push(chunk);
      this.unfinished.note(this.reader.isInside, lines.length > 0);
      for (const line of lines) {
        if (this.desk.overflow) break;
        this.take(line);
      }
    } catch (error) {
      if (error instanceof LineTooLongError) return this.endAtOnce(new MemberProtocolError(error.message, error));
      // Nobody stands above this one: what is thrown here would end the composer, and not the member.
      this.parts.log.error('what a member wrote could not be handled', { err: error });
      return this.endAtOnce(new MemberProtocolError('what it wrote could not be handled', error));
    }
    const { overflow } = this.desk;
    if (overflow) this.endAtOnce(overflow);
  }

  ended(how: string): void {
    this.breakOff(new MemberEndedError(how));
  }

  private take(line: Buffer): void {
    if (this.isOver) return;
    const isMessage = this.desk.take(line);
    if (!isMessage && !this.hasSaidNonsense) {
      this.hasSaidNonsense = true;
      this.parts.log.warn('a member writes other things than messages to its stdout; they are skipped');
    }
    this.closeIfDone();
  }

  private closeIfDone(): void {
    if (this.isRetired && !this.isBusy && !this.isOver) void this.close();
  }

  /** What floods is not asked to end: it would go on meanwhile. */
  private endAtOnce(error: ComposerError): void {
    this.breakOff(error);
    this.parts.process.kill();
  }

  private breakOff(error: ComposerError): void {
    if (this.isOver) return;
    void this.close(error);
    this.parts.onOver(error);
  }
}

/** Line ends stand between the parts of a message, and never inside its strings: a blank says the same. */
function onOneLine(message: Buffer): Buffer {
  if (!message.includes(LF) && !message.includes(CR)) return message;
  return message.map((byte) => (byte === LF || byte === CR ? SPACE : byte)) as Buffer;
}
