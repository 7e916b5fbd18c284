import type { Writable } from 'node:stream';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const LINE_END = Buffer.from('\n');

/** Messages on their way to the client, one a line (stdio transport, all revisions). */
export class MessageOutput {
  private draining: Promise<void> | undefined;

  constructor(private readonly stream: Writable) {}

  /** Resolves when the client takes more, or never will. */
  async write(message: Buffer): Promise<void> {
    if (!this.stream.writable) return;
    if (this.stream.write(Buffer.concat([onOneLine(message), LINE_END]))) return;
    this.draining ??= new Promise<void>((resolve) => {
      const done = () => {
        this.stream.off('drain', done).off('close', done);
        this.draining = undefined;
        resolve();
      };
      this.stream.on('drain', done).on('close', done);
    });
    return this.draining;
  }
}

/** Line ends stand between the parts of a message, and never inside its strings: a blank says the same. */
function onOneLine(message: Buffer): Buffer {
  if (!message.includes(LF) && !message.includes(CR)) return message;
  return message.map((byte) => (byte === LF || byte === CR ? SPACE : byte)) as Buffer;
}
