import { LineTooLongError, MAX_LINE_BYTES } from './stdio.errors.js';

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = Buffer.alloc(0);
const FIRST_ROOM = 4_096;

/** Cuts what a process writes into lines. Looks at every byte once, however small the pieces are in which they come. */
export class LineReader {
  /** The beginning of a line that has no end yet, with room behind it for more. */
  private held = NOTHING;
  private length = 0;

  /** Whether a line has begun that has no end yet. */
  get isInside(): boolean {
    return this.length > 0;
  }

  /** The lines that `chunk` completes, without their ends, and without those that are empty. Throws `LineTooLongError`. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = this.length === 0 ? behindEmptyLines(chunk, 0) : 0;
    for (let end = chunk.indexOf(LF, start); end >= 0; end = chunk.indexOf(LF, start)) {
      const line = this.complete(chunk.subarray(start, end));
      if (line.length > 1 || line[0] !== CR) lines.push(line);
      start = behindEmptyLines(chunk, end + 1);
    }
    this.hold(chunk.subarray(start));
    return lines;
  }

  private complete(end: Buffer): Buffer {
    if (this.length + end.length > MAX_LINE_BYTES) throw new LineTooLongError();
    if (this.length === 0) return end;
    this.hold(end);
    const line = this.held.subarray(0, this.length);
    this.held = NOTHING;
    this.length = 0;
    return line;
  }

  private hold(part: Buffer): void {
    if (part.length === 0) return;
    const length = this.length + part.length;
    if (length > MAX_LINE_BYTES) throw new LineTooLongError();
    if (length > this.held.length) {
      const room = Buffer.allocUnsafe(Math.max(FIRST_ROOM, 2 * length));
      this.held.copy(room, 0, 0, this.length);
      this.held = room;
    }
    part.copy(this.held, this.length);
    this.length = length;
  }
}

/** Looked at byte by byte: millions of them must not cost millions of buffers. */
function behindEmptyLines(chunk: Buffer, start: number): number {
  let at = start;
  while (chunk[at] === LF || (chunk[at] === CR && chunk[at + 1] === LF)) at++;
  return at;
}
