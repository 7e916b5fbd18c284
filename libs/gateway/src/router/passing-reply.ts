import type { ClientAnswer, MemberQuestion, MemberReply, NeededConsent } from '#builder';

/** Hands everything on to another reply. Who stands in between changes what it is there for, and nothing else. */
export abstract class PassingReply<Reply extends MemberReply = MemberReply> implements MemberReply {
  abstract readonly takesPieces: boolean;

  constructor(protected reply: Reply) {}

  get id(): Buffer {
    return this.reply.id;
  }

  get takesEvents(): boolean {
    return this.reply.takesEvents;
  }

  message(parts: readonly Buffer[], status?: number): void {
    this.reply.message(parts, status);
  }

  result(result: object): void {
    this.reply.result(result);
  }

  failed(text: string, code: string): void {
    this.reply.failed(text, code);
  }

  needsConsent(consent: NeededConsent): void {
    this.reply.needsConsent(consent);
  }

  protocolError(code: number, message: string, data?: object): void {
    this.reply.protocolError(code, message, data);
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
    this.reply.endStream();
  }

  endUnanswered(): void {
    this.reply.endUnanswered();
  }

  onDrain(resume: () => void): void {
    this.reply.onDrain(resume);
  }
}
