import type { ClientAnswer, MemberQuestion } from '../src/asked-client.js';
import type { MemberReply, NeededConsent } from '../src/member.js';

/** One of them is there. */
export interface GivenAnswer {
  readonly result?: { readonly content?: readonly { readonly text: string }[]; readonly isError?: boolean };
  readonly failure?: string;
  readonly error?: { readonly code: number; readonly message: string };
}

/** Takes the one answer of a call and keeps what it was told before. */
export class RecordingReply implements MemberReply {
  readonly id = Buffer.from('"caller-1"');
  readonly takesEvents = true;
  takesPieces = true;
  readonly events: string[] = [];
  readonly answered: Promise<GivenAnswer>;
  answers = 0;
  /** The message that it was given, as it came. */
  raw = '';
  private give!: (answer: GivenAnswer) => void;

  constructor() {
    this.answered = new Promise((resolve) => (this.give = resolve));
  }

  message(parts: readonly Buffer[]): void {
    this.raw = Buffer.concat(parts).toString();
    this.settle(JSON.parse(this.raw) as GivenAnswer);
  }
  result(result: object): void {
    this.settle({ result });
  }
  failed(text: string): void {
    this.settle({ failure: text });
  }
  needsConsent({ url, text }: NeededConsent): void {
    this.settle({ failure: `${text} ${url}` });
  }
  protocolError(code: number, message: string): void {
    this.settle({ error: { code, message } });
  }
  /** How the caller answers; unless set, it cannot be asked. */
  asker: MemberReply['ask'] = () => undefined;
  readonly asked: MemberQuestion[] = [];
  ask(question: MemberQuestion, take: (answer: ClientAnswer) => void): (() => void) | undefined {
    this.asked.push(question);
    return this.asker(question, take);
  }
  openStream(): void {
    this.events.push('open');
  }
  event(parts: readonly Buffer[]): void {
    this.events.push(Buffer.concat(parts).toString());
  }
  piece(piece: Buffer): boolean {
    this.events.push(piece.toString());
    return true;
  }
  endStream(): void {
    this.settle(JSON.parse(this.events.at(-1)!) as GivenAnswer);
  }
  endUnanswered(): void {
    this.settle({});
  }
  onDrain(): void {
    // Never waits.
  }

  private settle(answer: GivenAnswer): void {
    this.answers++;
    this.give(answer);
  }
}
